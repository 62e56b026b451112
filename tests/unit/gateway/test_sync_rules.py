"""Who wins, what is what there, and what is made of answers: the rules by themselves."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.outbound import Answer, Failure
from services.gateway.domain.connection import PRIORITIES, STATES, Connection, ConnectionMapping, Direction, Kind, Prefer
from services.gateway.sync import jira, servicenow
from services.gateway.sync.http import Client
from services.gateway.sync.mapping import _PAIRS, MOVES, Mapper
from services.gateway.sync.ports import Refused, Trouble
from services.gateway.sync.reconcile import TOGETHER, Base, Verdict, decide, later
from services.incident.domain import states
from services.incident.domain.priority import Impact, Urgency, prioritize
from tests.unit.gateway.twins import NOON

VALUES = st.sampled_from(["a", "b", "c"])


@given(
    base=st.one_of(st.none(), st.builds(Base, VALUES, VALUES)), ours=VALUES, theirs=VALUES, direction=st.sampled_from(Direction)
)
def test_nothing_goes_where_it_may_not_and_nothing_that_nobody_changed(
    base: Base | None, ours: str, theirs: str, direction: Direction
) -> None:
    verdict = decide(base, ours, theirs, same=ours == theirs, direction=direction)
    assert verdict not in ((Verdict.IN, Verdict.BOTH) if direction is Direction.OUT else ())
    assert verdict not in ((Verdict.OUT, Verdict.BOTH) if direction is Direction.IN else ())
    if base == Base(ours, theirs):
        assert verdict is Verdict.QUIET
    if ours == theirs:
        assert verdict in (Verdict.QUIET, Verdict.SETTLED)
    if base is not None and ours != theirs and direction is Direction.BOTH:
        expected = {(True, True): Verdict.BOTH, (True, False): Verdict.OUT, (False, True): Verdict.IN}
        assert verdict is expected.get((ours != base.ours, theirs != base.theirs), Verdict.QUIET)


def test_the_later_change_stays_and_the_preferred_where_the_clocks_cannot_tell() -> None:
    for prefer, kept in ((Prefer.OURS, Verdict.OUT), (Prefer.THEIRS, Verdict.IN)):
        assert later(NOON, NOON + TOGETHER, prefer) is later(NOON + TOGETHER, NOON, prefer) is kept
        assert later(NOON, NOON + TOGETHER + timedelta(milliseconds=1), prefer) is Verdict.IN
        assert later(NOON + TOGETHER + timedelta(milliseconds=1), NOON, prefer) is Verdict.OUT


def test_the_moves_that_others_bring_about_are_those_of_the_incident() -> None:
    theirs = {verb: (frozenset(map(str, move.sources)), str(move.target)) for verb, move in states.MOVES.items()}
    assert theirs.pop("assign"), "which needs a team, and is nobody's else"
    assert theirs.pop("merge"), "which needs another incident, and is nobody's else"
    assert dict(MOVES) == theirs
    assert set(STATES) == {state.value for state in states.State}


def test_a_priority_of_theirs_makes_that_priority_here_whatever_impact_it_had() -> None:
    assert set(_PAIRS) == set(PRIORITIES)
    for priority, pairs in _PAIRS.items():
        assert {str(prioritize(Impact(impact), Urgency(urgency))) for impact, urgency in pairs} == {priority}


@pytest.mark.parametrize("kind", Kind)
def test_every_way_ends_in_a_state_that_theirs_stands_for(kind: Kind) -> None:
    mapper = Mapper.of(connection(kind))
    for theirs in {*mapper.states.values()}:
        for state in STATES:
            try:
                verbs = mapper.verbs(theirs, state)
            except LookupError:
                continue
            assert verbs is not None
            at = state
            for verb in verbs:
                assert at in MOVES[verb][0]
                at = MOVES[verb][1]
            assert mapper.states[at] == theirs
    assert mapper.verbs("no such state", "NEW") is None


def connection(kind: Kind = Kind.JIRA) -> Connection:
    """One with the usual tables."""
    fields: dict[str, Any] = {"name": "x", "kind": kind, "url": "https://them.example/context", "username": "us"}
    if kind is Kind.JIRA:
        fields["mapping"] = ConnectionMapping(project="OPS")
    return Connection.made(id="cnx_1", at=NOON, **fields)


class Told:
    """Answers what it is told to."""

    def __init__(self, answer: Answer | Failure) -> None:
        self.answer, self.urls = answer, list[str]()

    async def send(self, method: str, url: str, headers: Any, body: bytes = b"") -> Answer | Failure:
        """See `chassis.outbound.Outbound`."""
        self.urls.append(f"{method} {url}")
        return self.answer


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (Failure("not public", refused=True), Trouble, "them.example cannot be reached: not public"),
        (Answer(200, {}, b"<html>Log in</html>"), Trouble, "is no JSON"),
        (Answer(302, {"location": "/login"}, b""), Trouble, "redirects are not followed"),
        (Answer(401, {}, b""), Trouble, "does not take the credentials"),
        (Answer(503, {"retry-after": "7"}, b"soon"), Trouble, "come later"),
        (Answer(500, {}, b"oops"), Trouble, "answered 500"),
        (Answer(400, {}, b'{"errorMessages": ["no"], "errors": {"a": "b"}}'), Refused, "answered 400: no; a: b"),
        (Answer(404, {}, b"<html>"), Refused, "answered 404"),
        (Answer(200, {}, b"x" * 4 * 1024 * 1024), Trouble, "too large"),
    ],
)  # fmt: skip
async def test_an_answer_that_is_no_success_is_said_in_words(
    answer: Answer | Failure, kind: type[Exception], says: str
) -> None:
    told: Any = Told(answer)
    client = Client(told, connection(), "secret", jira.explain)
    with pytest.raises(kind) as failed:
        await client.call("GET", "/rest/api/2/search", jql='a = "b c"')
    assert says in str(failed.value)
    assert "secret" not in str(failed.value)
    assert told.urls == ["GET https://them.example/context/rest/api/2/search?jql=a%20%3D%20%22b%20c%22"]
    if isinstance(failed.value, Trouble) and failed.value.status == 503:
        assert failed.value.after == timedelta(seconds=7)


def test_the_words_of_a_refusal_are_found_where_servicenow_puts_them() -> None:
    said = {"error": {"message": "Operation Failed", "detail": "ACL Exception"}, "status": "failure"}
    assert servicenow.explain(said) == "Operation Failed: ACL Exception"
    assert servicenow.explain({}) == ""


@pytest.mark.parametrize("id", ["../../admin", "OPS-1/../x", "", "a" * 101, "OPS 1"])
async def test_what_is_no_id_is_never_part_of_an_address(id: str) -> None:  # noqa: A002 - as its field
    told: Any = Told(Answer(200, {}, b"{}"))
    for adapter in (
        jira.Jira(Client(told, connection(), "s", jira.explain), connection()),
        servicenow.ServiceNow(Client(told, connection(), "s", servicenow.explain), connection(Kind.SERVICENOW)),
    ):
        with pytest.raises(Refused):
            await adapter.read(id)
    assert told.urls == []
