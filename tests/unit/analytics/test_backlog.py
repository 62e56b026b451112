"""The daily snapshot of the backlog, counted from facts alone."""

from datetime import UTC, datetime, timedelta

import pytest

from services.analytics.projections.backlog import cells, documents, series
from services.analytics.reactions import fact_of
from tests.support.incident_events import History

DAY = timedelta(days=1)
MIDNIGHTS = [datetime(2026, 3, day, tzinfo=UTC) for day in range(1, 32)]


def counted(history: History, first: datetime = MIDNIGHTS[0], last: datetime = MIDNIGHTS[-1]) -> dict[int, str]:
    """Day of the month → age, for one incident."""
    facts = [fact_of(told.message.incident, told.envelope) for told in history.told]
    return {cell.time.day: cell.series for cell in cells(facts, first, last)}


@pytest.mark.parametrize(
    ("days", "name"),
    [
        (0, "0-1"),
        (0.99, "0-1"),
        (1, "1-3"),
        (3, "3-7"),
        (7, "7-14"),
        (14, "14-30"),
        (29.99, "14-30"),
        (30, ">30"),
        (400, ">30"),
    ],
)
def test_each_age_includes_its_lower_bound_and_excludes_its_upper_one(days: float, name: str) -> None:
    assert series(days * DAY, paused=False) == name
    assert series(days * DAY, paused=True) == f"paused {name}"


def test_an_incident_counts_at_every_midnight_between_its_creation_and_its_resolution() -> None:
    history = History("inc_1").open().resolve(after=timedelta(days=3))

    assert counted(history) == {3: "0-1", 4: "1-3", 5: "1-3"}


def test_an_incident_on_hold_is_counted_apart_only_while_it_is_on_hold() -> None:
    history = History("inc_1").open().hold(after=DAY).start(after=DAY).resolve(after=DAY)

    assert counted(history) == {3: "0-1", 4: "paused 1-3", 5: "1-3"}


def test_an_incident_that_came_back_counts_again_with_its_age_since_creation() -> None:
    history = History("inc_1").open().resolve(after=DAY).reopen(after=2 * DAY).resolve(after=DAY)

    assert counted(history) == {3: "0-1", 6: "3-7"}


def test_a_cancelled_incident_counts_until_it_was_cancelled() -> None:
    assert counted(History("inc_1").open().cancel(after=DAY)) == {3: "0-1"}


def test_a_child_counts_until_it_became_one() -> None:
    history = History("inc_1").open().link("PARENT", "incidents/inc_2", after=DAY).resolve(after=DAY)

    assert counted(history) == {3: "0-1"}


def test_what_is_still_open_counts_up_to_the_last_midnight_that_is_asked_for() -> None:
    assert counted(History("inc_1").open(), MIDNIGHTS[2], MIDNIGHTS[4]) == {3: "0-1", 4: "1-3", 5: "1-3"}


def test_facts_that_begin_late_say_what_held_since_creation() -> None:
    history = History("inc_1").open(team="network").update(after=2 * DAY).resolve(after=DAY)
    facts = [fact_of(told.message.incident, told.envelope) for told in history.told][1:]

    found = cells(facts, MIDNIGHTS[0], MIDNIGHTS[-1])

    assert [(cell.time.day, cell.team_id) for cell in sorted(found)] == [(3, "network"), (4, "network"), (5, "network")]


def test_times_that_run_backwards_never_count_an_incident_twice_at_a_midnight() -> None:
    history = History("inc_1").open().start(after=3 * DAY).update(after=-2 * DAY).resolve(after=3 * DAY)

    facts = [fact_of(told.message.incident, told.envelope) for told in history.told]

    assert set(cells(facts, MIDNIGHTS[0], MIDNIGHTS[-1]).values()) == {1}


def test_cells_of_different_properties_never_share_an_id() -> None:
    parts = [("a|b", "c"), ("a", "b|c"), ("a|1:b", "c"), ("", "a|b|c")]
    histories = [History(f"inc_{n}").open(team=team, category=category) for n, (team, category) in enumerate(parts)]

    ids = set()
    for history in histories:
        facts = [fact_of(told.message.incident, told.envelope) for told in history.told]
        ids |= documents("main", cells(facts, MIDNIGHTS[2], MIDNIGHTS[2])).keys()

    assert len(ids) == len(parts)
