"""Who people are, and the incident service as they reach it by mail: as themselves where they may, else as this service.

Fails with what the services answer; `Unavailable` while one is away.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

from itsm.auth import v1 as auth_pb
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.assembly import Assembly
from chassis.errors import Denied, ForbiddenMove, NotFound, Unauthenticated, Unavailable
from chassis.rpc import call
from services.gateway.mail.addresses import Address

_SECONDS = 5
_PIECE = 1 << 20
PERMITTED = ("incidents.get", "incidents.create", "incidents.note", "attachments.create")
"""All that anybody may do by mail, whatever else he may do."""


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person with an account, and the roles that he has now."""

    id: str
    roles: Collection[str]


class Desk(Protocol):
    """What mail becomes, in the current tenant. A `token` is a person's; without one it is this service that acts.

    `key` makes what is asked for twice happen once.
    """

    async def somebody(self, address: Address) -> Somebody | None:
        """Who has this address; nobody where none has, or more than one."""

    async def token(self, person: Somebody) -> str:
        """By which this service acts for somebody; empty where it may not."""

    async def incident(self, id: str, token: str) -> pb.Incident | None:  # noqa: A002 - as its field
        """An incident by id or number, as far as it may be seen."""

    async def open(self, incident: pb.Incident, token: str, key: str) -> pb.Incident:
        """Opens one."""

    async def say(self, id: str, text: str, token: str, key: str) -> None:  # noqa: A002 - as above
        """Adds a public note."""

    async def attach(self, id: str, name: str, content: bytes, token: str, key: str) -> None:  # noqa: A002 - as above
        """Adds a file. Raises `Invalid` for one that is not taken."""

    async def resume(self, id: str) -> None:  # noqa: A002 - as above
        """Takes work up again, where it still waits."""

    async def assign(self, id: str, team_id: str, key: str) -> None:  # noqa: A002 - as above
        """Gives an incident that was just opened to a team."""


class Service:
    """`Desk` by the auth and the incident service."""

    def __init__(self, assembly: Assembly, target: str) -> None:
        self._assembly, self._target = assembly, target

    async def somebody(self, address: Address) -> Somebody | None:
        """See `Desk`."""
        stub = auth_pb.UserServiceStub(self._assembly.channels.to(self._assembly.settings.auth_target))
        request = auth_pb.ListUsersRequest(filter=f'email = "{address.key}" AND enabled = true', page_size=2)
        users = (await self._called(stub.ListUsers, request, repeatable=True)).users
        if len(users) != 1:
            return None
        return Somebody(users[0].id, tuple(users[0].roles))

    async def token(self, person: Somebody) -> str:
        """See `Desk`."""
        stub = auth_pb.DelegationServiceStub(self._assembly.channels.to(self._assembly.settings.auth_target))
        request = auth_pb.DelegateRequest(subject=person.id, roles=sorted(person.roles), permissions=PERMITTED)
        try:
            answer = await self._called(stub.Delegate, request, repeatable=True)
        except ForbiddenMove:  # whose account was closed a moment ago
            return ""
        except (Denied, Unauthenticated) as refused:  # of this service, not of the person: another version of the table
            raise Unavailable("the auth service gives this service no such token") from refused
        return str(answer.token)

    async def incident(self, id: str, token: str) -> pb.Incident | None:  # noqa: A002 - as above
        """See `Desk`."""
        try:
            found: pb.Incident = await self._asked("GetIncident", pb.GetIncidentRequest(id=id), token, repeatable=True)
        except (NotFound, Denied):
            return None
        return found

    async def open(self, incident: pb.Incident, token: str, key: str) -> pb.Incident:
        """See `Desk`."""
        opened: pb.Incident = await self._asked("OpenIncident", pb.OpenIncidentRequest(incident=incident), token, key=key)
        return opened

    async def say(self, id: str, text: str, token: str, key: str) -> None:  # noqa: A002 - as above
        """See `Desk`."""
        await self._asked("AddNote", pb.AddNoteRequest(id=id, text=text, public=True), token, key=key)

    async def attach(self, id: str, name: str, content: bytes, token: str, key: str) -> None:  # noqa: A002 - as above
        """See `Desk`."""
        files: Any = pb.AttachmentServiceStub(self._assembly.channels.to(self._target))
        request = pb.BeginAttachmentRequest(id=id, file_name=name, size=len(content))
        begun = await self._asked("BeginAttachment", request, token, key=key, stub=files)
        if not begun.upload_id:
            return
        for place, start in enumerate(range(0, len(content), _PIECE)):
            piece = pb.AddAttachmentPieceRequest(
                upload_id=begun.upload_id, piece=place, content=content[start : start + _PIECE]
            )
            await self._asked("AddAttachmentPiece", piece, token, stub=files)
        finish = pb.FinishAttachmentRequest(upload_id=begun.upload_id, sha256=hashlib.sha256(content).hexdigest())
        await self._asked("FinishAttachment", finish, token, stub=files)

    async def resume(self, id: str) -> None:  # noqa: A002 - as above
        """See `Desk`."""
        try:
            await self._asked("ResumeIncident", pb.ResumeIncidentRequest(id=id), "")
        except ForbiddenMove:  # somebody was faster
            return

    async def assign(self, id: str, team_id: str, key: str) -> None:  # noqa: A002 - as above
        """See `Desk`."""
        try:
            await self._asked("AssignIncident", pb.AssignIncidentRequest(id=id, team_id=team_id), "", key=key)
        except ForbiddenMove:  # somebody was faster, and has moved it on
            return

    async def _asked(
        self, method: str, request: Any, token: str, *, key: str = "", repeatable: bool = False, stub: Any = None
    ) -> Any:
        asked = stub or pb.IncidentServiceStub(self._assembly.channels.to(self._target))
        try:
            return await self._called(getattr(asked, method), request, token, key=key, repeatable=repeatable)
        except Denied as refused:
            if token:
                raise
            # Of this service, not of the person: another version of the table.
            raise Unavailable("the incident service does not take this from the gateway") from refused

    async def _called(self, method: Any, request: Any, token: str = "", *, key: str = "", repeatable: bool = False) -> Any:
        shown = token or await self._assembly.account.token()
        return await call(
            method,
            request,
            token=shown,
            tenant=ctx.current().tenant,
            timeout=_SECONDS,
            repeatable=repeatable or bool(key),
            more={"idempotency-key": key} if key else None,
        )
