"""Jobs in memory, with a service behind them that keeps incidents as the real one does: versions, and answers by key."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from google.protobuf.message import Message
from itsm.incident import v1 as pb

from chassis import context as ctx
from chassis.auth import Principal
from chassis.context import Actor, Context
from chassis.errors import Error, ForbiddenMove, NotFound, Stale
from chassis.failpoints import Failpoints
from chassis.listing.facets import ANSWER_KEY, Facets
from chassis.policy import Policy
from chassis.rpc import Method
from chassis.store import Store
from chassis.store.backend import Query, Write
from chassis.testing import FakeClock, MemoryBackend
from services.auth.domain.roles import ROLES, SCOPES
from services.gateway import store as kept
from services.gateway.domain.job import Job, Kind
from services.gateway.jobs.actions import Actions
from services.gateway.jobs.hands import CALLS_AT_ONCE, Hands
from services.gateway.jobs.runner import Runner
from services.gateway.rest.routes import declared
from services.gateway.rest.shedding import Shedding
from services.gateway.usecases.jobs import Jobs, Wish
from services.gateway.usecases.reading import Asked, Document
from services.gateway.usecases.selections import Selection, Selections

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
KEY = b"a key for tests that is long enough"
ROUTES = declared()


class Killed(BaseException):
    """The process died here."""


async def passing(turns: int) -> None:
    """Others get on meanwhile."""
    for _ in range(turns):
        await asyncio.sleep(0)


class Deaths(Failpoints):
    """Kills at the visits of failpoints that are planned, counted over all of them."""

    def __init__(self, at: Sequence[int] = ()) -> None:
        super().__init__()
        self.at, self.visits = set(at), 0

    async def reached(self, name: str) -> None:
        """See the base."""
        if name.startswith("S"):
            self.pass_by(name)

    def pass_by(self, name: str) -> None:
        """Dies here, if it is the time."""
        self.visits += 1
        if self.visits in self.at:
            raise Killed(name)


class Mortal(MemoryBackend):
    """A database whose client dies before and after any write."""

    def __init__(self, deaths: Deaths) -> None:
        super().__init__()
        self._deaths = deaths
        self.turns: Callable[[], int] = lambda: 0

    async def write(self, writes: Sequence[Write]) -> None:
        """See the base."""
        self._deaths.pass_by("before")
        await passing(self.turns())
        await super().write(writes)
        self._deaths.pass_by("after")

    async def update_many(self, collection: str, query: Query, update: Any) -> int:
        """See the base."""
        self._deaths.pass_by("before")
        await passing(self.turns())
        changed = await super().update_many(collection, query, update)
        self._deaths.pass_by("after")
        return changed


class Desk:
    """A service of incidents. `faults` answer instead of it, by id and by how often that was asked."""

    def __init__(self) -> None:
        self.incidents: dict[str, pb.Incident] = {}
        self.answers: dict[str, tuple[bytes, Message]] = {}
        self.writes: Counter[str] = Counter()
        self.faults: Callable[[str, Message], Error | None] = lambda name, request: None
        self.tokens: list[str] = []
        self.turns: Callable[[], int] = lambda: 0

    def add(self, count: int, **fields: Any) -> list[str]:
        """More incidents; says their ids."""
        ids = [f"inc_{len(self.incidents) + at}" for at in range(count)]
        for each in ids:
            self.incidents[each] = pb.Incident(id=each, etag="1", **fields)
        return ids

    async def __call__(
        self,
        service: str,
        method: Method,
        request: Any,
        *,
        metadata: Sequence[tuple[str, str]],
        timeout: float,
        trailing: dict[str, Any] | None = None,
    ) -> Message:
        """See `services.gateway.rest.upstream.Call`."""
        said, name = dict(metadata), method.path.rpartition("/")[2]
        await passing(self.turns())
        self.tokens.append(said["authorization"])
        if (fault := self.faults(name, request)) is not None:
            raise fault
        if name == "ListIncidents":
            return self._list(request, said, trailing)
        found = self.incidents.get(request.id)
        if found is None:
            raise NotFound("incident", request.id)
        if name == "GetIncident":
            return pb.Incident.FromString(found.SerializeToString())
        return self._write(name, request, said, found)

    def _list(self, request: Any, said: Mapping[str, str], trailing: dict[str, Any] | None) -> Message:
        match = [each for each in self.incidents.values() if request.filter in ("", each.category)]
        if said.get("facets") and trailing is not None:
            trailing[ANSWER_KEY] = Facets(["*"], settled=True).answer({"looked_at": [{"n": len(match)}]})
            return pb.ListIncidentsResponse()
        start = int(request.page_token or 0)
        page = match[start : start + request.page_size]
        more = str(start + len(page)) if start + len(page) < len(match) else ""
        return pb.ListIncidentsResponse(incidents=page, next_page_token=more)

    def _write(self, name: str, request: Any, said: Mapping[str, str], found: pb.Incident) -> Message:
        key = said["idempotency-key"]
        if key in self.answers:
            content, answer = self.answers[key]
            assert content == request.SerializeToString(deterministic=True), "another request under the same key"
            return answer
        if request.etag and request.etag != found.etag:
            raise Stale(found.etag, given=request.etag)
        before = found.SerializeToString(deterministic=True)
        if name == "UpdateIncident":
            for path in request.update_mask.paths:
                setattr(found, path, getattr(request.incident, path))
        elif name == "AssignIncident":
            found.team_id, found.assignee_id = request.team_id, request.assignee_id
        else:
            found.state = pb.Incident.RESOLVED
        if before != found.SerializeToString(deterministic=True):
            found.etag = str(int(found.etag) + 1)
            self.writes[request.id] += 1
        answer = pb.Incident.FromString(found.SerializeToString())
        self.answers[key] = request.SerializeToString(deterministic=True), answer
        return answer


class Guard:
    """What the roles of the auth service permit; a token is the JSON of what it stands for."""

    def policy(self) -> Policy:
        """See `chassis.guard.Guard`."""
        return Policy(1, ROLES, SCOPES)

    async def verify(self, token: str, tenant_hint: str = "") -> Principal:
        """See `chassis.guard.Guard`."""
        said = orjson.loads(token)
        return Principal(
            subject=said["sub"], kind="user", tenant=tenant_hint, roles=frozenset(said["roles"]), expires_at=0, issuer="",
            limits=frozenset(said["permissions"]),
        )  # fmt: skip


class Works:
    """All that jobs need. `held` are the roles that people hold now, by subject."""

    def __init__(self) -> None:
        self.clock, self.deaths, self.desk = FakeClock(NOON), Deaths(), Desk()
        self.backend = Mortal(self.deaths)
        self.store = Store(self.backend, self.clock, kept.KINDS, kept.INDEXES, failpoints=self.deaths)
        self.actions, self.selections = Actions(ROUTES), Selections(KEY, self.clock)
        listing, items = kept.job_listing(KEY, self.clock), kept.item_listing(KEY, self.clock)
        self.jobs = Jobs(self.store, self.actions, self.selections, listing, items)
        self.held: dict[str, set[str]] = {"ann": {"agent"}, "max": {"admin"}, "liz": {"viewer"}}
        self.shedding, self.seconds = Shedding(0), 0.0
        self.runner = self.fresh()

    def fresh(self) -> Runner:
        """What works in a process that was started now."""
        turns = asyncio.Semaphore(CALLS_AT_ONCE)

        def equip(tenant: str, job: Job, needs: Sequence[str]) -> Hands:
            return Hands(job, tenant, needs, self.desk, self.shedding, Guard(), self._delegate, turns)

        return Runner(self.store, self.actions, equip, monotonic=lambda: self.seconds)

    async def _delegate(self, tenant: str, job: Job, needs: Sequence[str]) -> str:
        roles = self.held.get(job.creator_id, set()) & set(job.roles)
        if not roles:
            raise ForbiddenMove("REVOKED", "delegate", "the person holds no role any more with which this was asked for")
        claims = {"sub": job.creator_id, "roles": sorted(roles), "permissions": sorted(set(needs) & set(job.limits))}
        return orjson.dumps(claims).decode()

    async def bulk(self, action: str, parameters: Mapping[str, Any], ids: Sequence[str] = (), **more: Any) -> Job:
        """A job on incidents."""
        return await self.jobs.create(
            Wish(kind=Kind.BULK, resource="incidents", action=action, parameters=parameters, ids=ids, **more)
        )

    def selection(self, filter_: str, count: int) -> str:
        """All incidents of a category, as the caller saw their number."""
        caller = ctx.current()
        found = Selection(filter_, count, self.clock())
        return self.selections.made(caller.tenant, caller.actor.id, "incidents", found)[0]

    async def work(self) -> None:
        """All that waits, to its end."""
        while await self.backend.count("jobs", {"state": {"$in": ["PENDING", "RUNNING"]}}):
            await self.runner.begin()
            await self.runner.settle()
            self.seconds += 10

    async def report(self, job: Job) -> list[Document]:
        """What became of each record."""
        return list((await self.jobs.items(job.id, Asked(size=200)))[0])

    async def now(self, job: Job) -> Document:
        """The job as its creator sees it."""
        return await self.jobs.get(job.id)


def person(subject: str = "ann", role: str = "agent", tenant: str = "main", **more: Any) -> Context:
    """Somebody with a role."""
    scope = Policy(1, ROLES, SCOPES).scope(frozenset({role}), "jobs.get", subject)
    given = {"permissions": ROLES[role], "scope": scope} | more
    return Context(tenant=tenant, actor=Actor(id=subject), roles=frozenset({role}), **given)
