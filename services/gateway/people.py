"""Who people are and what records hold, asked of the services that own them as this service's account.

An answer about a person or a team counts for `FRESH` seconds, and while the auth service is away for `AWAY`, where it is about
rights for `RIGHTS_AWAY`. Records are asked for each time. Fails: `Unavailable` while the owner is away.
"""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from itsm.auth import v1 as auth_pb
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis import protojson
from chassis.assembly import Assembly
from chassis.codec import personal_fields
from chassis.errors import DeadlinePassed, Invalid, NotFound, Unavailable
from chassis.rpc import call
from chassis.teams import AWAY, FRESH, RIGHTS_AWAY
from services.gateway.ports import Person

_MOST = 10_000
_SECONDS = 5
_NEWEST_NOTES = 50

T = TypeVar("T")


class People:
    """See `services.gateway.ports.People`."""

    def __init__(self, assembly: Assembly, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._assembly, self._monotonic = assembly, monotonic
        self._known: dict[tuple[str, str, str], tuple[float, Any]] = {}

    async def person(self, id: str) -> Person | None:  # noqa: A002 - as its field
        """See `ports.People`."""
        user = await self._user(id)
        if user is None or not user.enabled:
            return None
        return Person(user.id, user.display_name or user.username, user.email)

    async def roles(self, tenant: str, id: str) -> Collection[str]:  # noqa: A002 - as above
        """The roles of somebody, none of nobody (`owners.Ask`)."""
        user = await self._user(id, tenant, away=RIGHTS_AWAY)
        return tuple(user.roles) if user is not None and user.enabled else ()

    async def team(self, id: str) -> Sequence[str]:  # noqa: A002 - as above
        """See `ports.People`."""
        tenant = ctx.current().tenant
        request = auth_pb.GetTeamRequest(id=id)
        team = await self._asked(tenant, "team", id, lambda: self._auth("GetTeam", request, tenant))
        return tuple(team.member_ids) if team is not None else ()

    async def _user(self, id: str, tenant: str = "", *, away: float = AWAY) -> Any:  # noqa: A002 - as above
        tenant = tenant or ctx.current().tenant
        request = auth_pb.GetUserRequest(id=id)
        return await self._asked(tenant, "user", id, lambda: self._auth("GetUser", request, tenant), away)

    async def _asked(
        self,
        tenant: str,
        kind: str,
        id: str,  # noqa: A002 - as above
        ask: Callable[[], Awaitable[T]],
        away: float = AWAY,
    ) -> T | None:
        now, key = self._monotonic(), (tenant, kind, id)
        known = self._known.get(key)
        if known is not None and now - known[0] < FRESH:
            return known[1]  # type: ignore[no-any-return] # what is kept is what was asked for
        found: T | None
        try:
            found = await ask()
        except (NotFound, Invalid):  # the latter of what can be nobody's id
            found = None
        except (Unavailable, DeadlinePassed):
            if known is not None and now - known[0] < away:
                return known[1]  # type: ignore[no-any-return] # as above
            raise
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = (now, found)
        return found

    async def _auth(self, method: str, request: Any, tenant: str) -> Any:
        client = auth_pb.UserServiceStub(self._assembly.channels.to(self._assembly.settings.auth_target))
        token = await self._assembly.account.token()
        return await call(getattr(client, method), request, token=token, tenant=tenant, timeout=_SECONDS, repeatable=True)


@dataclass(frozen=True, slots=True)
class _Kind:
    """How records of a kind are read, and what was said about them."""

    stub: Any
    get: str
    one: Any
    list: str
    notes: Any


_KINDS: Mapping[str, _Kind] = {
    "incidents": _Kind(
        pb.IncidentServiceStub, "GetIncident", partial(pb.GetIncidentRequest, as_is=True), "ListNotes", pb.ListNotesRequest
    ),
    "problems": _Kind(
        pb.ProblemServiceStub, "GetProblem", pb.GetProblemRequest, "ListProblemNotes", pb.ListProblemNotesRequest
    ),
    "changes": _Kind(pb.ChangeServiceStub, "GetChange", pb.GetChangeRequest, "ListChangeNotes", pb.ListChangeNotesRequest),
    "requests": _Kind(
        pb.RequestServiceStub, "GetRequest", pb.GetRequestRequest, "ListRequestNotes", pb.ListRequestNotesRequest
    ),
}


class Records:
    """See `services.gateway.ports.Records`. `target` is the address of the incident service; empty where there is none."""

    def __init__(self, assembly: Assembly, target: str) -> None:
        self._assembly, self._target = assembly, target

    async def record(self, subject: str) -> Mapping[str, Any] | None:
        """See `ports.Records`."""
        plural, _, name = subject.partition("/")
        kind = _KINDS.get(plural)
        if kind is None or not self._target:
            return None
        try:
            found = await self._call(kind, kind.get, kind.one(id=name))
        except (NotFound, Invalid):  # the latter of what can be no id
            return None
        for field in personal_fields(found.DESCRIPTOR):
            found.ClearField(field)
        return dict(protojson.to_dict(found))

    async def note(self, subject: str, note_id: str) -> str:
        """See `ports.Records`."""
        plural, _, name = subject.partition("/")
        kind = _KINDS.get(plural)
        if kind is None or not self._target:
            return ""
        try:
            notes = (await self._call(kind, kind.list, kind.notes(id=name, page_size=_NEWEST_NOTES))).notes
        except NotFound:
            return ""
        return next((str(note.text) for note in notes if note.id == note_id), "")

    async def _call(self, kind: _Kind, method: str, request: Any) -> Any:
        stub = kind.stub(self._assembly.channels.to(self._target))
        token, tenant = await self._assembly.account.token(), ctx.current().tenant
        return await call(getattr(stub, method), request, token=token, tenant=tenant, timeout=_SECONDS, repeatable=True)
