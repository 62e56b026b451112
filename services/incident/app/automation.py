"""What the desk does by itself: rules about events, routing, and who is there."""

from collections.abc import Collection

from itsm.auth import v1 as auth_pb
from itsm.incident import v1 as pb

from chassis.assembly import Assembly
from chassis.due import DueWorker
from chassis.errors import NotFound
from chassis.rpc import call
from services.incident.api.automation import AutomationApi
from services.incident.app.parts import Parts
from services.incident.reactions import automation, heard_types
from services.incident.usecases.automation import AutomationRules, Events
from services.incident.usecases.doing import Doing
from services.incident.usecases.problems import Problems
from services.incident.usecases.rights import Ask, Rights
from services.incident.usecases.running import DUE_FIELD, WORK, Automation

AUTOMATION = "itsm.incident.v1.AutomationService"
SERVICES = (AUTOMATION,)


def wire(parts: Parts) -> None:
    """Serves them, hears of all that happens here, and acts on it."""
    store, assembly = parts.store, parts.assembly
    doing = Doing(store, parts.incidents(), Problems(store, parts.policies), parts.tasks, parts.notes, parts.routing)
    events = Events(heard_types())
    rules = AutomationRules(store, doing, events)
    assembly.serve(
        AUTOMATION,
        pb.add_AutomationServiceServicer_to_server,
        AutomationApi(rules, parts.routing, doing, parts.reading),
    )
    acting = Automation(store, rules, parts.routing, doing, events, Rights(assembly.guard.policy, asking(assembly)))
    assembly.react(automation(acting))
    DueWorker(store, "incident", WORK, DUE_FIELD, acting.work, assembly.service.metrics, name="rules").attach(assembly.service)


def asking(assembly: Assembly) -> Ask:
    """`Ask` by the auth service, as this service's account."""

    async def ask(tenant: str, owner_id: str) -> Collection[str]:
        stub = auth_pb.UserServiceStub(assembly.channels.to(assembly.settings.auth_target))
        token = await assembly.account.token()
        request = auth_pb.GetUserRequest(id=owner_id)
        try:
            user = await call(stub.GetUser, request, token=token, tenant=tenant, timeout=5, repeatable=True)
        except NotFound:
            return ()
        return tuple(user.roles) if user.enabled else ()

    return ask
