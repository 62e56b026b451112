"""Every RPC of every service, called past the gateway: as nobody, as a liar, as every role, and from another tenant.

Made from the descriptors, so that a new RPC is in it from the day on which it is written. The table of roles is that of
the auth service; "let in" means neither UNAUTHENTICATED nor PERMISSION_DENIED.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.api import annotations_pb2
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from itsm.asset import v1 as asset_pb
from itsm.auth import v1 as auth_pb
from itsm.gateway import v1 as gateway_pb
from itsm.incident import v1 as pb
from itsm.monitor import v1 as monitor_pb

from chassis.policy import ANONYMOUS, SIGNED_IN
from services.auth.domain.roles import PEOPLE_ROLES, ROLES
from tests.support.callers import Callers
from tests.support.matrix_auth import given_from
from tests.support.matrix_changes import agreed_on
from tests.support.matrix_desk import worked
from tests.support.matrix_majors import handled
from tests.support.matrix_oncall import on_call
from tests.support.rpcs import Rpc, complete, rpcs

ALL = list(rpcs())
BY_NAME = {rpc.name: rpc for rpc in ALL}
CLOSED = [rpc for rpc in ALL if rpc.method.requires != ANONYMOUS]
OPEN = [rpc for rpc in ALL if rpc.method.requires == ANONYMOUS]
PEOPLE = sorted(role for role in ROLES if ":" not in role)
MACHINES = sorted(role.partition(":")[2] for role in ROLES if ":" in role)
TENANT, STRANGER = "matrix-a", "matrix-b"
CANARY = f"canary-{uuid4().hex}"
# The same in every tenant.
COMMON = {"kpis"}


@pytest.fixture(scope="module")
async def callers(stack: dict[str, Any]) -> AsyncIterator[Callers]:
    callers = Callers(stack)
    yield callers
    await callers.close()


def test_every_process_of_the_stack_is_asked(stack: dict[str, Any]) -> None:
    assert {rpc.owner for rpc in ALL} <= set(stack["services"]), "a proto service without a process that serves it"


@pytest.mark.parametrize("rpc", CLOSED, ids=str)
async def test_nobody_and_liars_are_not_let_in(callers: Callers, rpc: Rpc, liars: dict[str, str]) -> None:
    request = complete(rpc)
    answers = {name: await callers.call(rpc, request, token, "main") for name, token in liars.items()}
    assert {name: answer.code for name, answer in answers.items()} == dict.fromkeys(answers, grpc.StatusCode.UNAUTHENTICATED)


@pytest.fixture(scope="module")
async def liars(callers: Callers) -> dict[str, str]:
    """No token, good tokens of the realm for another audience or purpose, and tokens that nobody here has signed."""
    signed_in = await callers.keycloak("admin")
    good = await callers.person("admin", "main")
    head, claims, _ = good.split(".")
    return {
        "nobody": "",
        "id token": signed_in["id_token"],
        "refresh token": signed_in["refresh_token"],
        "foreign key": callers.forged("admin", "main"),
        "foreign issuer": callers.forged("admin", "main", iss="urn:itsm:elsewhere:auth"),
        "no signature": f"{head}.{claims}.",
        "signature of another": f"{head}.{claims}.{callers.forged('admin', 'main').split('.')[2]}",
        "no token": "Bearer",
    }


@pytest.mark.parametrize("rpc", CLOSED, ids=str)
async def test_only_what_the_table_allows_is_let_in(callers: Callers, rpc: Rpc) -> None:
    required = rpc.method.requires
    expected = {role: required == SIGNED_IN or required in ROLES[role] for role in PEOPLE}
    found = {}
    for role in PEOPLE:
        answer = await callers.call(rpc, complete(rpc), await callers.person(role, TENANT))
        assert answer.code is not grpc.StatusCode.UNIMPLEMENTED, "declared and not served"
        assert answer.code not in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN), answer
        found[role] = answer.let_in
    assert found == expected


@pytest.mark.parametrize("machine", MACHINES)
async def test_a_service_account_may_do_what_its_role_says(callers: Callers, machine: str) -> None:
    token, permitted = await callers.machine(machine), ROLES[f"service:{machine}"]
    found = {rpc.name: (await callers.call(rpc, complete(rpc), token, TENANT)).let_in for rpc in CLOSED}
    assert found == {rpc.name: rpc.method.requires == SIGNED_IN or rpc.method.requires in permitted for rpc in CLOSED}


@pytest.mark.parametrize("rpc", OPEN, ids=str)
async def test_what_needs_no_token_gives_nothing_away_for_a_wrong_secret(callers: Callers, rpc: Rpc) -> None:
    answer = await callers.call(rpc, complete(rpc))
    if rpc.name == "auth.v1.PolicyService/GetPolicy":
        assert {role.role: set(role.permissions) for role in answer.reply.roles} == {r: set(p) for r, p in ROLES.items()}
    else:
        assert answer.code is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("role", sorted(PEOPLE_ROLES))
async def test_a_personal_access_token_brings_the_role_of_its_owner(callers: Callers, role: str) -> None:
    whoami = BY_NAME["auth.v1.UserService/WhoAmI"]
    answer = await callers.call(whoami, auth_pb.WhoAmIRequest(), await callers.exchanged(role))
    assert (answer.code, answer.reply.tenant, list(answer.reply.roles)) == (grpc.StatusCode.OK, "main", [role])
    assert set(answer.reply.permissions) == ROLES[role]


async def test_a_token_of_one_tenant_cannot_ask_for_another(callers: Callers) -> None:
    for rpc in CLOSED:
        answer = await callers.call(rpc, complete(rpc), await callers.person("admin", TENANT), STRANGER)
        assert answer.code is grpc.StatusCode.PERMISSION_DENIED, rpc


async def test_there_is_no_reflection_and_no_unknown_method(callers: Callers, stack: dict[str, Any]) -> None:
    admin = await callers.person("admin", "main")
    for owner in {rpc.owner for rpc in ALL}:
        for path in ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", f"/itsm.{owner}.v1.NoService/NoMethod"):
            assert (await callers.send(owner, path, Empty(), Empty, admin)).code is grpc.StatusCode.UNIMPLEMENTED


@dataclass(frozen=True)
class Belongings:
    """What a tenant has: an id for each owner and kind of record, with the tenant that it lies in, and what is secret."""

    ids: dict[tuple[str, str], tuple[str, str]]
    canaries: list[bytes]


@pytest.fixture(scope="module")
async def belongings(callers: Callers) -> Belongings:
    """A record of each kind in the tenant of the test; people and the like come from the one that the realm has."""
    admin = await callers.person("admin", TENANT)
    opened = await callers.call(
        BY_NAME["incident.v1.IncidentService/OpenIncident"],
        pb.OpenIncidentRequest(incident=pb.Incident(title=CANARY, category=CANARY, description=CANARY, dedup_key=CANARY)),
        admin,
    )
    note = BY_NAME["incident.v1.IncidentService/AddNote"]
    await callers.call(note, pb.AddNoteRequest(id=opened.reply.id, text=CANARY), admin)
    always = pb.Calendar(name=CANARY, windows=[pb.Calendar.Window(weekday="MONDAY", start="09:00", end="17:00")])
    calendar = BY_NAME["incident.v1.SlaService/CreateCalendar"]
    await callers.call(calendar, complete(calendar, calendar=always), admin)
    ids = {("incident", "incidents"): (opened.reply.id, TENANT)}
    await _related(callers, admin)
    await _watched(callers, admin)
    await agreed_on(callers, BY_NAME, admin, CANARY)
    await handled(callers, BY_NAME, admin, CANARY, opened.reply.id)
    ids |= await _hooked(callers, admin)
    ids |= await _told(callers, admin)
    ids |= await _written(callers, admin)
    ids |= await _connected(callers, admin)
    ids |= await given_from(callers, BY_NAME, admin, TENANT, CANARY)
    ids |= await _asked_for(callers, admin)
    await on_call(callers, BY_NAME, admin, CANARY)
    ids |= await worked(callers, BY_NAME, admin, TENANT, CANARY)
    for rpc in CLOSED:
        if rpc.method.descriptor.name == "StartReplay":
            started = await callers.call(rpc, complete(rpc), await callers.person(_able(rpc), TENANT))
            ids[rpc.owner, "replays"] = (started.reply.id, TENANT)
    for tenant in (TENANT, "main"):
        for rpc in _lists():
            kind = rpc.owner, _plural(rpc)
            answer = await callers.call(rpc, complete(rpc), await callers.person(_able(rpc), tenant))
            if kind not in ids and answer.code is grpc.StatusCode.OK:
                (rows,) = [rows for field, rows in answer.reply.ListFields() if field.is_repeated] or [[]]
                if len(rows) and hasattr(rows[0], "id"):
                    ids[kind] = (rows[0].id, tenant)
    secret = [name.encode() for (_, plural), (name, _) in ids.items() if plural not in COMMON]
    return Belongings(ids, [CANARY.encode(), *secret])


async def _related(callers: Callers, admin: str) -> None:
    """Two assets, a relation, and an incident whose impact is assessed."""
    make, relate = BY_NAME["asset.v1.AssetService/CreateAsset"], BY_NAME["asset.v1.GraphService/CreateRelation"]
    asset = asset_pb.CreateAssetRequest(asset=asset_pb.Asset(**{"name": CANARY, "class": "server"}))
    ends = [(await callers.call(make, asset, admin)).reply.id for _ in range(2)]
    relation = asset_pb.Relation(provider_id=ends[0], consumer_id=ends[1], kind="USES", group=CANARY)
    await callers.call(relate, asset_pb.CreateRelationRequest(relation=relation), admin)
    await _known_by_machines(callers, admin)
    incident = pb.OpenIncidentRequest(incident=pb.Incident(title=CANARY, asset_ids=ends))
    await callers.call(BY_NAME["incident.v1.IncidentService/OpenIncident"], incident, admin)
    assessments = BY_NAME["asset.v1.GraphService/ListImpactAssessments"]
    async with asyncio.timeout(60):
        while not (await callers.call(assessments, complete(assessments), admin)).reply.impact_assessments:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def _watched(callers: Callers, admin: str) -> None:
    """Everything that the monitor keeps, and an alert that a check of a closed port makes."""
    end = datetime.now(UTC) + timedelta(hours=1)
    made: dict[str, Message] = {
        "CheckService/CreateCheck": monitor_pb.CreateCheckRequest(
            check=monitor_pb.Check(name=CANARY, kind="TCP", target="127.0.0.1:1", interval=timedelta(seconds=5), raise_after=1)
        ),
        "AlertRuleService/CreateAlertRule": monitor_pb.CreateAlertRuleRequest(
            alert_rule=monitor_pb.AlertRule(name=CANARY, match=f'{{run="{CANARY}"}}', comparison="ABOVE", raise_value=1)
        ),
        "IntegrationService/CreateIntegration": monitor_pb.CreateIntegrationRequest(
            integration=monitor_pb.Integration(name=CANARY, kind="OTHER")
        ),
        "NotificationService/CreateNotificationTarget": monitor_pb.CreateNotificationTargetRequest(
            notification_target=monitor_pb.NotificationTarget(name=CANARY, url="https://receiver.example/hook", enabled=False)
        ),
        "SilenceService/CreateSilence": monitor_pb.CreateSilenceRequest(
            silence=monitor_pb.Silence(
                matchers=[monitor_pb.Matcher(label="run", operator="EQUAL", value=CANARY)], end_time=end, comment=CANARY
            )
        ),
        "SilenceService/CreateMaintenanceWindow": monitor_pb.CreateMaintenanceWindowRequest(
            maintenance_window=monitor_pb.MaintenanceWindow(name=CANARY, asset_ids=["ast_none"], end_time=end, comment=CANARY)
        ),
    }
    for name, request in made.items():
        rpc = next(each for each in CLOSED if str(each).endswith(name))
        answer = await callers.call(rpc, request, admin)
        assert answer.code is grpc.StatusCode.OK, (name, answer)
    alerts = BY_NAME["monitor.v1.AlertService/ListAlerts"]
    async with asyncio.timeout(120):
        while not (await callers.call(alerts, complete(alerts), admin)).reply.alerts:  # noqa: ASYNC110
            await asyncio.sleep(0.5)


async def _hooked(callers: Callers, admin: str) -> dict[tuple[str, str], tuple[str, str]]:
    """A webhook and what it was told: deliveries are listed by webhook only, so that no list of all of them finds one."""
    create, test = BY_NAME["gateway.v1.WebhookService/CreateWebhook"], BY_NAME["gateway.v1.WebhookService/TestWebhook"]
    opened = ["itsm.incident.v1.IncidentOpened"]
    wanted = gateway_pb.Webhook(url="https://receiver.example/hook", description=CANARY, event_types=opened)
    made = await callers.call(create, gateway_pb.CreateWebhookRequest(webhook=wanted), admin)
    assert made.code is grpc.StatusCode.OK, made
    webhook_id = made.reply.webhook.id
    tested = await callers.call(test, gateway_pb.TestWebhookRequest(id=webhook_id), admin)
    assert tested.code is grpc.StatusCode.OK, tested
    return {("gateway", "webhooks"): (webhook_id, TENANT), ("gateway", "deliveries"): (tested.reply.id, TENANT)}


async def _written(callers: Callers, admin: str) -> dict[tuple[str, str], tuple[str, str]]:
    """A mailbox, and a mail of a stranger in it; mails are listed by mailbox only."""
    create, receive = (BY_NAME[f"gateway.v1.MailboxService/{name}"] for name in ("CreateMailbox", "ReceiveMail"))
    wanted = gateway_pb.Mailbox(address=f"{CANARY}@desk.example", name=CANARY)
    made = await callers.call(create, gateway_pb.CreateMailboxRequest(mailbox=wanted), admin)
    assert made.code is grpc.StatusCode.OK, made
    raw = f"From: {CANARY}@demo.example\r\nSubject: {CANARY}\r\n\r\n{CANARY}".encode()
    taken = await callers.call(receive, gateway_pb.ReceiveMailRequest(id=made.reply.id, raw=raw), admin)
    assert taken.code is grpc.StatusCode.OK, taken
    return {("gateway", "mailboxes"): (made.reply.id, TENANT), ("gateway", "mails"): (taken.reply.id, TENANT)}


async def _asked_for(callers: Callers, admin: str) -> dict[tuple[str, str], tuple[str, str]]:
    """A job, which is not done: the realm does not know who asks for it."""
    create = BY_NAME["gateway.v1.JobService/CreateJob"]
    wish = gateway_pb.CreateJobRequest(kind="EXPORT", resource="incidents", filter=f'category = "{CANARY}"')
    made = await callers.call(create, wish, admin)
    assert made.code is grpc.StatusCode.OK, made
    return {("gateway", "jobs"): (made.reply.id, TENANT)}


async def _connected(callers: Callers, admin: str) -> dict[tuple[str, str], tuple[str, str]]:
    """A connection that is off: there is nobody at the other end."""
    create = BY_NAME["gateway.v1.ConnectionService/CreateConnection"]
    wanted = gateway_pb.Connection(
        name=CANARY, kind="JIRA", url="https://tickets.example", username=CANARY, secret=CANARY, enabled=False,
        mapping=gateway_pb.ConnectionMapping(project="OPS"),
    )  # fmt: skip
    made = await callers.call(create, gateway_pb.CreateConnectionRequest(connection=wanted), admin)
    assert made.code is grpc.StatusCode.OK, made
    return {("gateway", "connections"): (made.reply.id, TENANT)}


async def _told(callers: Callers, admin: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Words, a room, and what everybody has of his own: a browser, and how he wants to be told."""
    words = {"name": "canary", "channel": "CHAT", "locale": "en", "subject": CANARY, "body": CANARY}
    keys = {"p256dh": f"B{'A' * 86}", "auth": "A" * 22}
    browser = gateway_pb.PushSubscription(name=CANARY, endpoint="https://push.example/x", **keys)
    wishes = gateway_pb.NotificationPreferences(locale="de")
    found = {}
    for plural, name, request in (
        ("templates", "TemplateService/CreateTemplate", {"template": gateway_pb.Template(**words)}),
        (
            "chatRooms",
            "ChatRoomService/CreateChatRoom",
            {"chat_room": gateway_pb.ChatRoom(name=CANARY, kind="SLACK", url="https://room.example/x")},
        ),
        ("pushSubscriptions", "PushSubscriptionService/CreatePushSubscription", {"push_subscription": browser}),
        (
            "notificationPreferences",
            "NotificationPreferencesService/UpdateNotificationPreferences",
            {"id": "me", "notification_preferences": wishes},
        ),
    ):
        rpc = BY_NAME[f"gateway.v1.{name}"]
        answer = await callers.call(rpc, rpc.method.request(**request), admin)
        assert answer.code is grpc.StatusCode.OK, answer
        found["gateway", plural] = (answer.reply.id, TENANT)
    return found


async def _known_by_machines(callers: Callers, admin: str) -> None:
    """A table, a class of one's own that stands first, and two agents whose machines say one serial: a pair for a person."""
    table = asset_pb.CreateImportRequest(
        text=f"Name\n{CANARY}\n", source="canary", mapping={"Name": "name"}, **{"class": "server"}
    )
    await callers.call(BY_NAME["asset.v1.ImportService/CreateImport"], table, admin)
    own = asset_pb.AssetClass(name="a_canary", title=CANARY, parent="server")
    create = BY_NAME["asset.v1.AssetClassService/CreateAssetClass"]
    await callers.call(create, asset_pb.CreateAssetClassRequest(asset_class=own), admin)
    enroll, enroller = BY_NAME["asset.v1.AgentService/EnrollAgent"], await callers.person("enroller", TENANT)
    for _ in range(2):
        hardware = asset_pb.Hardware(serial=CANARY, uuid=str(uuid4()))
        seen = asset_pb.Inventory(sections=["hardware"], hardware=hardware)
        answer = await callers.call(enroll, asset_pb.EnrollAgentRequest(install_id=uuid4().hex, inventory=seen), enroller)
        assert answer.code is grpc.StatusCode.OK, answer


def _able(rpc: Rpc) -> str:
    """Somebody who may call it, an administrator where possible."""
    return next(role for role in ("admin", *PEOPLE) if rpc.method.requires in (SIGNED_IN, *ROLES[role]))


def _path(rpc: Rpc) -> str:
    rule = rpc.method.descriptor.GetOptions().Extensions[annotations_pb2.http]
    return str(getattr(rule, rule.WhichOneof("pattern"))) if rule.WhichOneof("pattern") else ""


def _plural(rpc: Rpc) -> str:
    return re.sub(r"(/\{id\}|:).*", "", _path(rpc)).rpartition("/")[2]


def _lists() -> list[Rpc]:
    return [rpc for rpc in CLOSED if rpc.method.descriptor.name.startswith("List") and "{id}" not in _path(rpc)]


# Nobody has them unless something went wrong, or a group was made in the realm.
RARE = {"teams", "deadLetters"}
BY_ID = [rpc for rpc in CLOSED if "{id}" in _path(rpc) and _plural(rpc) not in COMMON]


@pytest.mark.parametrize("rpc", BY_ID, ids=str)
async def test_a_record_of_another_tenant_is_like_none(callers: Callers, belongings: Belongings, rpc: Rpc) -> None:
    kind = ("incident", "incidents") if "{resources}" in _path(rpc) else (rpc.owner, _plural(rpc))
    theirs = "x_none-at-all" if kind[1] in RARE and kind not in belongings.ids else belongings.ids[kind][0]
    missing = theirs[:-6] + ("000000" if not theirs.endswith("000000") else "111111")
    parents = {
        "mailbox_id": ("gateway", "mailboxes"),
        "webhook_id": ("gateway", "webhooks"),
        "directory_id": ("auth", "directories"),
    }
    parent = {name: belongings.ids[kind][0] for name, kind in parents.items() if f"{{{name}}}" in _path(rpc)}
    answers = []
    for name in (theirs, missing):
        answer = await callers.call(rpc, complete(rpc, id=name, **parent), await callers.person(_able(rpc), STRANGER))
        assert answer.code is grpc.StatusCode.NOT_FOUND, (name, answer)
        answers.append((answer.details.replace(name, "{id}"), answer.status.replace(name.encode(), b"{id}")))
    assert answers[0] == answers[1]


async def test_what_others_tried_has_changed_nothing(callers: Callers, belongings: Belongings) -> None:
    name, tenant = belongings.ids["incident", "incidents"]
    get = BY_NAME["incident.v1.IncidentService/GetIncident"]
    answer = await callers.call(get, pb.GetIncidentRequest(id=name), await callers.person("admin", tenant))
    assert (answer.reply.etag, answer.reply.title) == ("1", CANARY)


@pytest.mark.parametrize("rpc", _lists(), ids=str)
async def test_no_list_shows_what_belongs_to_another_tenant(callers: Callers, belongings: Belongings, rpc: Rpc) -> None:
    for role in PEOPLE:
        answer = await callers.call(rpc, complete(rpc), await callers.person(role, STRANGER))
        if answer.code is grpc.StatusCode.OK:
            shown = answer.reply.SerializeToString()
            assert not [canary for canary in belongings.canaries if canary in shown]


async def test_a_figure_counts_its_own_tenant_only(callers: Callers, belongings: Belongings) -> None:
    get = BY_NAME["analytics.v1.KpiService/GetKpi"]
    request = get.method.request(name="incident-volume", group_by="category")
    answer = await callers.call(get, request, await callers.person("admin", STRANGER))
    assert answer.code is grpc.StatusCode.OK
    assert CANARY.encode() not in answer.reply.SerializeToString()
