"""Times, texts and histories: what is clear is taken as it is, what is not is refused, and nothing is lost in between."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.importers.joining import Incident, Joiner
from cli.importers.mapping import Defaults, load
from cli.importers.records import Change, Person, Place, Refusal, Remark, Ticket, Unusable
from cli.importers.staging import Staging
from cli.importers.values import Times, of_document, size_in_bytes, unmarked

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
STATES = {"new": "NEW", "open": "IN_PROGRESS", "waits": "ON_HOLD", "done": "RESOLVED", "shut": "CLOSED", "void": "CANCELLED"}
HERE = Place("file.json", 1)


def after(hours: float) -> datetime:
    return AT + timedelta(hours=hours)


def joined(ticket: Ticket, *others: Any) -> dict[str, Any]:
    """The message of one ticket; raises `Unusable` as the refusal says."""
    with Staging() as staging:
        for piece in (ticket, *others):
            staging.put(piece, HERE)
        (found,) = Joiner(staging, load(Defaults(tables={"states": STATES}), None), AT + timedelta(days=9)).incidents()
    if isinstance(found, Refusal):
        raise Unusable(found.field, found.reason)
    assert isinstance(found, Incident)
    return found.message


def ticket(**fields: Any) -> Ticket:
    return Ticket(**{"key": "1", "number": "T1", "title": "x", "opened": AT, "state": "open", **fields})


def change(hours: float, what: str, old: str | None, new: str, id_: str = "") -> Change:
    return Change(key="1", id=id_ or f"{hours} {what}", time=after(hours), what=what, old=old, new=new, actor="ann")


@pytest.mark.parametrize(
    ("said", "zone", "instant"),
    [
        ("2026-01-15 10:00:00", "Europe/Berlin", "2026-01-15T09:00:00+00:00"),
        ("2026-01-15T10:00", "UTC", "2026-01-15T10:00:00+00:00"),
        ("2026-01-15T10:00:00.123456789Z", "Europe/Berlin", "2026-01-15T10:00:00.123456+00:00"),
        ("2026-01-15T10:00:00.000+0530", "UTC", "2026-01-15T04:30:00+00:00"),
        ("2026-01-15T10:00:00-03:00", "UTC", "2026-01-15T13:00:00+00:00"),
        ("2026-10-25 02:30:00", "Europe/Berlin", "2026-10-25T00:30:00+00:00"),
        ("15.01.2026 10:00", "Europe/Berlin", "2026-01-15T09:00:00+00:00"),
    ],
)
def test_an_instant_is_what_it_says_in_the_zone_that_it_is_from(said: str, zone: str, instant: str) -> None:
    assert Times(ZoneInfo(zone), ("%d.%m.%Y %H:%M",)).needed(said, "t").isoformat() == instant


@pytest.mark.parametrize(
    "said", ["01/02/03", "2026-02-30 10:00:00", "45321.5", "2026-01-15 10:00:00 CET", "9999-99-99", "soon"]
)
def test_a_time_that_is_not_clear_is_refused(said: str) -> None:
    with pytest.raises(Unusable, match=r"^t: "):
        Times().read(said, "t")


@given(seconds=st.integers(0, 4_102_444_800), micro=st.integers(0, 999_999))
def test_every_instant_that_is_written_is_read(seconds: int, micro: int) -> None:
    whole = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micro)
    assert Times(ZoneInfo("Asia/Tokyo")).read(whole.isoformat(), "t") == whole


@pytest.mark.parametrize(("said", "words"), [
    ("&lt;p&gt;a &amp;amp; b&lt;/p&gt;", "a & b"),
    ("<p>a<br>b</p><style>p{}</style>", "a\nb"),
    ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
    ("plain\r\ntext\x07", "plain\ntext"),
])  # fmt: skip
def test_markup_becomes_words(said: str, words: str) -> None:
    assert unmarked(said, escaped=True) == words


NODES = st.recursive(
    st.none() | st.text(max_size=5) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "content", "attrs", "url"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(value=NODES)
@settings(max_examples=60, deadline=None)
def test_no_document_makes_its_reader_fail(value: Any) -> None:
    assert isinstance(of_document(value), str)


@pytest.mark.parametrize(
    ("said", "size"), [("16384", "17179869184"), ("16 GB", "17179869184"), ("1.5 TiB", "1649267441664"), ("much", "")]
)
def test_sizes_are_bytes(said: str, size: str) -> None:
    assert size_in_bytes(said, "m") == size


def test_a_history_is_undone_from_its_end_and_replayed() -> None:
    message = joined(
        ticket(state="open", assignee="cal", updated=after(9)),
        change(1, "state", "new", "open"),
        change(1, "assignee", "", "bob"),
        change(2, "state", "open", "done"),
        change(3, "state", "done", "open"),
        change(4, "assignee", "bob", "cal"),
    )
    told = [
        (u["time"][11:13], u["state"], u.get("assigneeId"), u.get("reopenCount"), u.get("reassignmentCount"))
        for u in message["updates"]
    ]
    assert told == [
        ("08", "NEW", None, None, None),
        ("09", "IN_PROGRESS", "bob", None, None),
        ("10", "RESOLVED", "bob", None, None),
        ("11", "IN_PROGRESS", "bob", 1, None),
        ("12", "IN_PROGRESS", "cal", 1, 1),
    ]


@given(
    moves=st.lists(st.tuples(st.integers(-5, 50), st.sampled_from(["new", "open", "done", "shut"])), max_size=8),
    state=st.sampled_from(list(STATES)),
)
@settings(max_examples=80, deadline=None)
def test_a_history_is_in_order_and_ends_where_the_ticket_is(moves: list[tuple[int, str]], state: str) -> None:
    changes = [change(hours, "state", None, new, str(place)) for place, (hours, new) in enumerate(moves)]
    updates = joined(ticket(state=state), *changes)["updates"]
    times = [update["time"] for update in updates]
    assert times == sorted(times)
    assert times[0] == "2026-03-02T08:00:00Z"
    assert updates[-1]["state"] == STATES[state]
    assert all("holdReason" in update for update in updates if update["state"] == "ON_HOLD")


def test_a_hand_over_after_the_end_does_not_bring_a_ticket_back() -> None:
    life = ticket(state="shut", assignee="cal", moments={"RESOLVED": after(1), "CLOSED": after(5)}, updated=after(5))
    updates = joined(life, change(2, "assignee", "bob", "cal"))["updates"]
    assert [(update["time"][11:13], update["state"], update["assigneeId"]) for update in updates] == [
        ("08", "NEW", "bob"),
        ("09", "RESOLVED", "bob"),
        ("10", "RESOLVED", "cal"),
        ("13", "CLOSED", "cal"),
    ]


@given(
    moments=st.dictionaries(st.sampled_from(["ASSIGNED", "RESOLVED", "CLOSED"]), st.integers(-5, 50)),
    hands=st.lists(st.tuples(st.integers(-5, 50), st.sampled_from("abc")), max_size=4),
    state=st.sampled_from(list(STATES)),
)
@settings(max_examples=80, deadline=None)
def test_a_life_is_in_order_and_ends_where_the_ticket_is(moments: dict[str, int], hands: list[Any], state: str) -> None:
    changes = [change(hours, "assignee", None, who, str(place)) for place, (hours, who) in enumerate(hands)]
    life = ticket(state=state, assignee="z", moments={name: after(hours) for name, hours in moments.items()}, updated=after(50))
    updates = joined(life, *changes)["updates"]
    assert [update["time"] for update in updates] == sorted(update["time"] for update in updates)
    assert (updates[-1]["state"], updates[-1]["assigneeId"]) == (STATES[state], "z")


def test_what_was_withdrawn_was_never_solved() -> None:
    moments = {"RESOLVED": after(1), "CLOSED": after(2)}
    updates = joined(ticket(state="void", moments=moments, updated=after(5)))["updates"]
    assert [(update["time"], update["state"]) for update in updates] == [
        ("2026-03-02T08:00:00Z", "NEW"),
        ("2026-03-02T09:00:00Z", "CANCELLED"),
    ]


def test_what_is_too_long_goes_on_where_there_is_room() -> None:
    long = "y" * 70_000
    message = joined(ticket(title="t" * 400, description=long), Remark(key="1", id="1", time=after(1), text=long))
    assert (len(message["title"]), message["title"][-1]) == (300, "…")
    assert message["description"].startswith("t" * 400 + "\n\nyyy")
    assert len(message["description"]) == 65_536
    assert [len(note["text"]) for note in message["notes"]] == [70_402 - 65_536, 65_536, 70_000 - 65_536]
    assert [note.get("public", False) for note in message["notes"]] == [True, False, False]


def test_what_is_said_of_a_person_in_several_places_is_put_together() -> None:
    message = joined(
        ticket(requester="7"),
        Person(key="7", login="ann", name="ann"),
        Person(key="7", name="Ann Archer", mail="ann@example.com"),
        Remark(key="1", id="1", time=after(1), text="x", author="ANN@example.com"),
    )
    assert (message["requesterId"], message["notes"][0]["authorId"]) == ("Ann Archer", "Ann Archer")


def test_a_ticket_of_the_future_is_refused_and_asks_for_its_zone() -> None:
    with pytest.raises(Unusable, match="is the zone right"):
        joined(ticket(updated=AT + timedelta(days=30), state="done"))
