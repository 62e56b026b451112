"""Whatever happens on both sides, in whatever order it is heard of, twice or late, and whoever dies in between: in the end both
say the same, nothing was said twice, there is one ticket, and nobody writes any more."""

import asyncio
import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.context import Actor, Context
from chassis.errors import Error, Unavailable
from chassis.outbound import Answer
from chassis.races import again
from chassis.rpc import Channels
from chassis.store import Replay
from services.gateway.domain.connection import Connection, Kind, Prefer
from services.gateway.sync.engine import Engine
from services.gateway.sync.incidents import Incidents
from services.gateway.sync.links import Link, Links
from services.gateway.sync.mapping import Mapper
from services.gateway.sync.polling import Polling
from services.gateway.sync.ports import Key
from services.gateway.sync.sending import SyncSender
from services.gateway.usecases.log import DELIVERIES
from tests.support.tickets.jira import WORKFLOW, Jira
from tests.support.tickets.servicenow import MOVES, ServiceNow
from tests.support.tickets.serving import Asked, No, System
from tests.unit.gateway.twins import ACCOUNT, Desk, Twins, service

TEXTS = st.sampled_from(["one", "two", "three", "  spaces  "])
EDITS = st.one_of(
    st.tuples(st.just("ours"), st.sampled_from(["title", "description"]), TEXTS),
    st.tuples(st.just("theirs"), st.sampled_from(["title", "description"]), TEXTS),
    st.tuples(st.just("level"), st.sampled_from(["impact", "urgency"]), st.sampled_from(["HIGH", "MEDIUM", "LOW"])),
    st.tuples(st.just("rank"), st.integers(0, 2)),
    st.tuples(st.just("verb"), st.sampled_from(["start", "resume", "resolve", "reopen", "close"])),
    st.tuples(st.just("move"), st.integers(0, 2)),
    st.tuples(st.just("say"), st.booleans()),
)
WAYS = st.one_of(
    *(st.tuples(st.just(way)) for way in ("relay", "deliver", "out", "poll", "poll", "repeat", "die")),
    st.tuples(st.just("wait"), st.sampled_from([1, 5, 70])),
)
STEPS = st.lists(st.one_of(EDITS, WAYS), min_size=5, max_size=30)


class OfJira(Jira):
    """What people do at Jira."""

    kind = Kind.JIRA

    def edit(self, name: str, value: str) -> None:
        """Somebody writes."""
        self.change(self.only(), **{"summary" if name == "title" else name: value})

    def rank(self, place: int) -> None:
        """Somebody finds it more or less pressing."""
        self.change(self.only(), priority=("Highest", "Medium", "Lowest")[place])

    def go(self, place: int) -> None:
        """Somebody moves it."""
        offered = list(WORKFLOW[self.only().status].values())
        self.change(self.only(), status=offered[place % len(offered)])

    def speak(self, text: str) -> None:
        """Somebody says something."""
        self.comment(self.only(), text)

    def end(self) -> tuple[dict[str, str], int, int]:
        """What it says, how many tickets there are, and how many comments."""
        issue = self.only()
        said = {"title": issue.summary, "description": issue.description, "priority": issue.priority, "state": issue.status}
        return said, len(self.issues), len(issue.comments)

    @property
    def there(self) -> bool:
        """Whether there is a ticket."""
        return bool(self.issues)


class OfServiceNow(ServiceNow):
    """What people do at ServiceNow."""

    kind = Kind.SERVICENOW

    def edit(self, name: str, value: str) -> None:
        """Somebody writes."""
        self.change(self.only(), **{"short_description" if name == "title" else name: value})

    def rank(self, place: int) -> None:
        """Somebody finds it more or less pressing."""
        self.change(self.only(), impact=str(place + 1))

    def go(self, place: int) -> None:
        """Somebody moves it."""
        if offered := MOVES[self.only()["state"]]:
            self.change(self.only(), state=offered[place % len(offered)])

    def speak(self, text: str) -> None:
        """Somebody says something."""
        self.say(self.only(), text)

    def end(self) -> tuple[dict[str, str], int, int]:
        """What it says, how many tickets there are, and how many comments."""
        row = self.only()
        return {"title": row["short_description"], **row}, len(self.rows), len(self.journal)

    @property
    def there(self) -> bool:
        """Whether there is an incident."""
        return bool(self.rows)


class Direct:
    """The one client for addresses that users give, without a network between."""

    def __init__(self, theirs: System) -> None:
        self._theirs = theirs

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """See `chassis.outbound.Outbound`."""
        parts = urlsplit(url)
        asked = Asked(method, parts.path, dict(parse_qsl(parts.query)), orjson.loads(body) if body else "")
        self._theirs.seen.append(asked)
        try:
            status, said = self._theirs.answer(asked)
        except No as no:
            status, said = no.status, no.body
        return Answer(status, {}, b"" if said is None else orjson.dumps(said))


class Near(Incidents):
    """The incident service in this very process; keys are honored as its edge honors them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def me(self) -> str:
        """See `Incidents`."""
        return ACCOUNT

    async def _call(self, name: str, request: Any, key: Key | None = None) -> Any:
        word = f"{ACCOUNT}|{name}|{key.connection_id}|{key.word}" if key is not None else ""
        caller = Context(tenant="main", actor=Actor(id=ACCOUNT, kind="service"), request_id=word, request_hash="same")
        with ctx.use(caller):
            try:
                return await again(lambda: getattr(self._desk.api, name)(request, None))
            except (Replay, Error) as end:
                replay = end if isinstance(end, Replay) else await self._desk.store.replay("main", word) if word else None
                if replay is None:
                    raise
                kinds = {kind.message.DESCRIPTOR.full_name: kind.message for kind in self._desk.store.kinds.values()}
                return kinds[replay.answer_type].FromString(replay.answer)


class Mortal(Links):
    """Dies before it writes down what was done, as often as it is told."""

    deaths = 0

    async def keep(self, link: Link) -> None:
        """See `Links`."""
        if self.deaths:
            self.deaths -= 1
            raise Unavailable("dead")
        await super().keep(link)


class Play:
    """One run of it all."""

    def __init__(self, seed: int, theirs: OfJira | OfServiceNow) -> None:
        self.random, self.theirs = random.Random(seed), theirs  # noqa: S311 - repeatable is what it is to be
        desk = Desk()
        theirs.url, theirs.clock.of = "http://127.0.0.1:1", desk.clock
        self.both = Twins(theirs, Channels(), "", desk)
        self.links = self.both.links = self.both.relaying._links = Mortal(self.both.store)
        self.both.reaching._outbound = Direct(theirs)  # type: ignore[assignment] # the same shape
        engine = Engine(self.both.store, self.links, Near(desk))
        self.both.polling = Polling(self.both.store, engine, self.links, self.both.reaching, self.both.doing)
        self.both.sender = SyncSender(self.both.store, engine, self.both.reaching, self.both.doing)
        self.heard: list[Any] = []
        self.said = [0, 0]

    async def step(self, connection: Connection, incident: str, step: tuple[Any, ...]) -> None:  # noqa: C901 - a line a step
        """One thing happens."""
        both, theirs = self.both, self.theirs
        both.clock.advance(milliseconds=self.random.choice([1, 700, 3000]))
        match step:
            case ("ours" | "level", name, value):
                await self._ours("update", incident, {name: value})
            case ("verb", verb):
                more = {"resolve": ("fixed", "Water."), "reopen": ("It burns.",)}.get(verb, ())
                await self._ours(verb, incident, *more)
            case ("theirs", name, value) if theirs.there:
                theirs.edit(name, value)
            case ("rank", place) if theirs.there:
                theirs.rank(place)
            case ("move", place) if theirs.there:
                theirs.go(place)
            case ("say", True):
                self.said[0] += 1
                await self._ours("note", incident, f"ours {self.said[0]}", True)
            case ("say", False) if theirs.there:
                self.said[1] += 1
                theirs.speak(f"theirs {self.said[1]}")
            case ("wait", seconds):
                both.clock.advance(seconds=seconds)
            case ("die",):
                self.links.deaths += 1
            case ("relay",):
                await self.relay()
            case ("repeat",):
                both.desk.rows += self.random.sample(self.heard, min(3, len(self.heard)))
            case ("deliver",):
                await self.deliver()
            case ("out",):
                await self.relay()
                await self.deliver()
            case ("poll",):
                await both.poll(connection)

    async def relay(self) -> None:
        """Events arrive in any order."""
        self.heard += self.both.desk.rows
        self.random.shuffle(self.both.desk.rows)
        await self.both.relay()

    async def deliver(self) -> None:
        """Everybody who waits gets a turn."""
        for row in await self.both.backend.find(DELIVERIES, {"state": "PENDING"}):
            try:
                with ctx.use(service()):
                    outcome = await self.both.sender.send(row)
            except Unavailable:
                continue
            state = {"$set": {"state": "DELIVERED" if outcome.delivered else "PENDING"}}
            await self.both.backend.update_many(DELIVERIES, {"_id": row["_id"]}, state)

    async def rest(self, connection: Connection) -> bool:
        """Goes on as it does by itself; says whether it came to rest."""
        self.links.deaths = 0
        quiet = 0
        for _ in range(16):
            before = len(self.theirs.written), self.both.desk.writes
            await self.relay()
            await self.deliver()
            self.both.clock.advance(seconds=70)
            await self.both.poll(connection)
            await self.relay()
            await self.deliver()
            quiet = quiet + 1 if (len(self.theirs.written), self.both.desk.writes) == before else 0
            if quiet == 3:
                return True
        return False

    async def _ours(self, verb: str, *args: Any) -> None:
        try:
            await self.both.desk.do(verb, *args)
        except Error as no:
            assert no.reason == "FORBIDDEN_MOVE", no


async def play(kind: Kind, seed: int, prefer: Prefer, steps: list[tuple[Any, ...]]) -> None:
    """Two sides, everything that happens to them, and what is so in the end."""
    one = Play(seed, OfJira() if kind is Kind.JIRA else OfServiceNow())
    connection = await one.both.connect(kind, prefer=prefer)
    incident = await one.both.desk.open()
    if seed % 4:  # as usual there is a ticket before anything else happens
        await one.step(connection, incident, ("out",))
    for step in steps:
        await one.step(connection, incident, step)
    assert await one.rest(connection), [(asked.method, asked.path, asked.body) for asked in one.theirs.written[-6:]]
    here = await one.both.desk.get(incident)
    if not one.theirs.there:
        assert here["state"] == "CLOSED", "what is over before anybody hears of it makes no ticket"
        return
    (there, tickets, comments), link = one.theirs.end(), await one.both.link()
    over = here["state"] in ("CLOSED", "CANCELLED")  # then nothing of theirs is taken any more
    assert set(link["problems"]) <= (set(connection.synced) if over else {"state"})
    mapper = Mapper.of(connection)
    for name in set(connection.synced) - set(link["problems"]):
        names = mapper.states if name == "state" else mapper.priorities
        ours = here[name] if name in ("title", "description") else names[here[name]]
        assert ours.strip() == there[name].strip(), name
    notes = [note["text"] for note in await one.both.desk.notes(incident)]
    assert (tickets, len(notes)) == (1, len(set(notes)))
    held = sum("waits for an answer" in note for note in notes)  # which an incident on hold tells its reporter
    assert len(notes) == comments == sum(one.said) + held
    heard = {note.partition(":\n\n")[2] for note in notes if note.startswith(f"[{link['key']}#")}
    assert heard == {f"theirs {number + 1}" for number in range(one.said[1])}


@pytest.mark.parametrize("kind", Kind)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 1000), prefer=st.sampled_from(Prefer), steps=STEPS)
@example(
    seed=624,
    prefer=Prefer.OURS,
    steps=[
        ("ours", "title", "one"), ("rank", 0), ("ours", "title", "one"), ("ours", "title", "one"), ("ours", "title", "one"),
        ("rank", 0), ("out",), ("ours", "title", "one"), ("relay",), ("level", "impact", "HIGH"), ("repeat",), ("die",),
        ("poll",), ("die",), ("poll",), ("rank", 0), ("die",), ("ours", "title", "one"), ("out",),
        ("level", "impact", "HIGH"), ("level", "impact", "LOW"), ("out",), ("die",),
    ],
)  # fmt: skip
def test_both_sides_come_to_rest_and_say_the_same(kind: Kind, seed: int, prefer: Prefer, steps: list[tuple[Any, ...]]) -> None:
    asyncio.run(play(kind, seed, prefer, steps))
