"""Each figure on a real database, by its definition."""

from datetime import timedelta

import pytest

from chassis.errors import Invalid, NotFound
from services.analytics.domain.definitions import DEFINITIONS, About
from tests.integration.analytics.conftest import Figures, day
from tests.support.incident_events import History

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


async def test_volume_counts_what_was_opened_resolved_and_closed_in_the_period(figures: Figures) -> None:
    await figures.told(
        History("inc_1").open().resolve(after=HOUR).close(after=DAY),
        History("inc_2").open().resolve(after=DAY),
        History("inc_3").open(),
    )

    assert await figures.count("incident-volume") == {"/opened": 3, "/resolved": 2, "/closed": 1}
    assert await figures.count("incident-volume", start=day(1)) == {"/resolved": 1, "/closed": 1}
    assert await figures.count("incident-volume", group_by="day") == {
        "2026-03-02/opened": 3,
        "2026-03-02/resolved": 1,
        "2026-03-03/resolved": 1,
        "2026-03-03/closed": 1,
    }


async def test_an_incident_that_is_resolved_twice_in_a_period_is_one_resolved_incident(figures: Figures) -> None:
    await figures.told(History("inc_1").open().resolve().reopen().resolve().reopen(after=2 * DAY).resolve())

    assert await figures.count("incident-volume") == {"/opened": 1, "/resolved": 1}
    assert await figures.count("incident-volume", group_by="day") == {
        "2026-03-02/opened": 1,
        "2026-03-02/resolved": 1,
        "2026-03-04/resolved": 1,
    }


async def test_time_to_acknowledge_ends_at_the_first_acknowledgement_and_shows_who_waits_beside(figures: Figures) -> None:
    await figures.told(
        History("inc_1").open().start(after=timedelta(minutes=10)).assign("other", again=True).start(),
        History("inc_2").open().start(after=timedelta(minutes=30)),
        History("inc_3").open().assign("network"),
        History("inc_4").open().cancel(),
    )

    acknowledged, waiting = await figures.rows("mtta")

    assert (acknowledged.value, acknowledged.median, acknowledged.count) == (1200, 1200, 2)
    assert acknowledged.p90 == pytest.approx(600 + 0.9 * 1200)
    assert (waiting.series, waiting.value, waiting.count) == ("unacknowledged", 30 * 86_400, 1)


async def test_time_to_resolve_ends_at_the_last_resolution_and_includes_pauses_and_the_reopened_gap(figures: Figures) -> None:
    await figures.told(
        History("inc_1").open().hold(after=HOUR).resolve(after=HOUR).reopen(after=DAY).resolve(after=HOUR),
        History("inc_2").open().resolve(after=HOUR),
    )

    [row] = await figures.rows("mttr-resolve")

    assert (row.value, row.median, row.p90, row.count) == (14 * 3600, 14 * 3600, pytest.approx((1 + 0.9 * 26) * 3600), 2)


async def test_an_incident_that_is_open_again_has_no_time_to_resolve(figures: Figures) -> None:
    await figures.told(History("inc_1").open().resolve().reopen())

    assert await figures.rows("mttr-resolve") == []


async def test_a_resolution_counts_in_the_period_of_the_last_one_alone(figures: Figures) -> None:
    await figures.told(History("inc_1").open().resolve().reopen(after=2 * DAY).resolve())

    assert await figures.rows("mttr-resolve", end=day(1)) == []
    assert [row.count for row in await figures.rows("mttr-resolve", start=day(2), end=day(3))] == [1]


async def test_business_time_is_what_the_resolve_clock_counted(figures: Figures) -> None:
    history = History("inc_1").open()
    history.clock("RESPONSE", "STOPPED", stop_time=history.at, elapsed=timedelta(minutes=1))
    history.clock("RESOLVE", "STOPPED", stop_time=history.at + DAY, elapsed=timedelta(hours=8)).resolve(after=DAY)
    await figures.told(history, History("inc_2").open().resolve())

    [row] = await figures.rows("mttr-resolve-business")

    assert (row.value, row.count) == (8 * 3600, 1)


async def test_attainment_counts_decided_clocks_and_no_others(figures: Figures) -> None:
    met = History("inc_1").open()
    met.clock("RESPONSE", "STOPPED", stop_time=met.at + HOUR)
    met.clock("RESOLVE", "STOPPED", stop_time=met.at + 2 * HOUR).resolve(after=2 * HOUR)
    missed = History("inc_2").open()
    missed.clock("RESOLVE", "RUNNING", breached=True, breach_time=missed.at + HOUR).update(after=2 * HOUR)
    running = History("inc_3").open()
    running.clock("RESOLVE", "RUNNING", due_time=running.at + DAY).update()
    cancelled = History("inc_4").open()
    cancelled.clock("RESOLVE", "CANCELLED", breached=True, breach_time=cancelled.at + HOUR).update()
    late = History("inc_5").open()
    late.clock("RESOLVE", "STOPPED", breached=True, breach_time=late.at + HOUR, stop_time=late.at + 3 * DAY)
    late.resolve(after=3 * DAY)
    await figures.told(met, missed, running, cancelled, late)

    found = {row.series: (row.value, row.count) for row in await figures.rows("sla-attainment")}

    assert found == {"": (0.5, 4), "RESPONSE": (1, 1), "RESOLVE": (pytest.approx(1 / 3), 3)}
    assert await figures.rows("sla-attainment", start=day(1)) == []


async def test_the_reopen_rate_counts_incidents_in_the_period_of_the_resolution_that_did_not_hold(figures: Figures) -> None:
    await figures.told(
        History("inc_1").open().resolve().reopen().resolve().reopen(after=2 * DAY).resolve(),
        History("inc_2").open().resolve(),
        History("inc_3").open().resolve(after=2 * DAY),
    )

    assert await figures.count("reopen-rate") == {"": pytest.approx(1 / 3)}
    assert await figures.count("reopen-rate", end=day(1)) == {"": 0.5}
    assert await figures.count("reopen-rate", start=day(1)) == {"": 0}


async def test_the_reassignment_rate_counts_resolved_incidents_that_changed_hands(figures: Figures) -> None:
    await figures.told(
        History("inc_1").open().assign("a").assign("b", again=True).assign("c", again=True).resolve(),
        History("inc_2").open().assign("a").resolve(),
        History("inc_3").open().assign("a").assign("b", again=True),
    )

    assert await figures.count("reassignment-rate") == {"": 0.5}
    assert await figures.count("reassignment-rate", group_by="team") == {"c": 1, "a": 0}


async def test_imported_verdicts_are_counted_where_there_is_one(figures: Figures) -> None:
    await figures.told(
        History("inc_1").open(imported_made_sla=True, source="IMPORT").resolve(),
        History("inc_2").open(imported_made_sla=False, source="IMPORT").resolve(),
        History("inc_3").open(imported_made_sla=False, source="IMPORT").resolve(),
        History("inc_4").open().resolve(),
    )

    [row] = await figures.rows("imported-sla")

    assert (row.value, row.count) == (pytest.approx(1 / 3), 3)


async def test_the_backlog_now_is_what_is_open_by_age_with_paused_apart(figures: Figures) -> None:
    figures.clock.now = day(10)
    await figures.told(
        History("inc_1").open(),
        History("inc_2").open().hold(),
        History("inc_3", at=day(9)).open(),
        History("inc_4").open().resolve(),
    )

    assert await figures.count("incident-backlog") == {"/7-14": 1, "/paused 7-14": 1, "/1-3": 1}


async def test_merged_and_cancelled_incidents_and_children_are_in_the_inventory_alone(figures: Figures) -> None:
    await figures.told(
        History("inc_1").open().link("DUPLICATE_OF", "incidents/inc_9").resolve(),
        History("inc_2").open().link("PARENT", "incidents/inc_9").resolve(),
        History("inc_3").open().cancel(),
        History("inc_4").open().link("RELATED", "incidents/inc_9").resolve(),
    )

    assert await figures.count("incident-volume") == {"/opened": 1, "/resolved": 1}
    assert [row.count for row in await figures.rows("mttr-resolve")] == [1]
    assert await figures.count("incidents-by-state") == {"/RESOLVED": 3, "/CANCELLED": 1}


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ("team", {"a": 2, "b": 1, "": 1}),
        ("teamId", {"a": 2, "b": 1, "": 1}),
        ("service", {"svc_1": 1, "": 3}),
        ("priority", {"P1": 1, "P3": 3}),
        ("category", {"mail": 1, "": 3}),
    ],
)
async def test_figures_group_by_what_incidents_have_now(figures: Figures, group_by: str, expected: dict[str, int]) -> None:
    await figures.told(
        History("inc_1").open(team="a", service="svc_1").resolve(),
        History("inc_2").open(team="c").assign("a", again=True).resolve(),
        History("inc_3").open(team="b", category="mail").resolve(),
        History("inc_4").open(priority="P1").resolve(),
    )

    assert {row.group: row.count for row in await figures.rows("mttr-resolve", group_by=group_by)} == expected


async def test_a_filter_narrows_every_figure(figures: Figures) -> None:
    await figures.told(*(History(f"inc_{n}").open(team="a" if n else "b", priority="P1").start().resolve() for n in range(3)))

    told_of = {name for name, each in DEFINITIONS.items() if each.about is About.INCIDENTS}
    for name in told_of - {"mttr-resolve-business", "sla-attainment", "imported-sla", "incident-backlog"}:
        counts = [row.count for row in await figures.rows(name, filter_text='teamId = "a" AND priority = P1')]
        assert counts, name
        assert set(counts) <= {2}, name
        assert await figures.rows(name, filter_text="teamId = nobody") == []


async def test_tenants_never_see_each_others_figures(figures: Figures) -> None:
    await figures.told(History("inc_1").open().resolve(), History("inc_2", tenant="other").open())

    assert await figures.count("incident-volume", tenant="other") == {"/opened": 1}
    assert await figures.count("incident-volume", tenant="third") == {}


async def test_median_and_percentile_are_exact_over_many_values(figures: Figures) -> None:
    for chunk in range(4):
        await figures.told(
            *(History(f"inc_{n}").open().resolve(after=timedelta(seconds=n)) for n in range(250 * chunk + 1, 250 * chunk + 251))
        )

    [row] = await figures.rows("mttr-resolve")

    assert (row.value, row.median, row.p90, row.count) == (500.5, 500.5, pytest.approx(900.1), 1000)


async def test_questions_that_make_no_sense_are_refused_by_name(figures: Figures) -> None:
    with pytest.raises(NotFound):
        await figures.rows("mttx")
    for question, field in [
        ({"group_by": "color"}, "groupBy"),
        ({"filter_text": "color = red"}, "filter"),
        ({"start": day(2), "end": day(2)}, "to"),
    ]:
        with pytest.raises(Invalid) as refused:
            await figures.rows("mtta", **question)
        assert list(refused.value.violations) == [field]
