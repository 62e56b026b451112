"""The model of scale: held to what the bench measured, and to what must be so whatever it measured."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import scale
from bench.costs import COSTS, MEASURED_ROWS, PROCESSES, RESTS_MS, VISIBLE_AT_100
from bench.load_model import ESTATES, Estate
from bench.queueing import Job, Visit, percentile, simulate
from chassis.events.topics import PARTITIONS

THROUGHPUT_TOLERANCE, DELAY_TOLERANCE = 0.2, 0.4
"""As docs/scale.md says."""

_ESTATES = st.builds(Estate, st.integers(100, 20_000_000), st.integers(1, 1000))


@pytest.mark.parametrize("cost", MEASURED_ROWS)
def test_the_model_brings_through_what_the_bench_did(cost: str) -> None:
    _, measured = MEASURED_ROWS[cost]
    assert scale.bound(cost) == pytest.approx(measured, rel=THROUGHPUT_TOLERANCE)


def test_the_simulated_machine_of_the_bench_delays_alerts_as_the_real_one_did() -> None:
    assert scale.at_a_steady_hundred() == pytest.approx(VISIBLE_AT_100, rel=DELAY_TOLERANCE)


def test_without_the_pauses_by_choice_the_simulation_would_be_refuted() -> None:
    p50, _ = scale.at_a_steady_hundred()
    assert abs(p50 - sum(RESTS_MS.values()) - VISIBLE_AT_100[0]) > DELAY_TOLERANCE * VISIBLE_AT_100[0]


@given(_ESTATES, st.floats(1.01, 20))
def test_more_assets_never_need_less(estate: Estate, factor: float) -> None:
    larger = replace(estate, assets=int(estate.assets * factor) + 1)
    small, large = scale.size(estate), scale.size(larger)
    assert all(small.cores[each] < large.cores[each] for each in PROCESSES)
    assert all(small.replicas[each] <= large.replicas[each] for each in scale.SERVICES)
    assert (small.shards, small.brokers, small.partitions, small.moving) <= (
        large.shards,
        large.brokers,
        large.partitions,
        large.moving,
    )
    assert sum(small.bytes_a_year.values()) < sum(large.bytes_a_year.values())


@given(_ESTATES)
def test_what_was_sized_is_not_busier_than_it_was_sized_for(estate: Estate) -> None:
    sizing = scale.size(estate)
    assert all(sizing.cores[each] <= sizing.replicas[each] * scale.UTILIZATION + 1e-9 for each in scale.SERVICES)
    assert sizing.cores["mongo"] <= sizing.shards * scale.SHARD_CORES * scale.UTILIZATION + 1e-9
    assert sizing.partitions >= PARTITIONS


@pytest.mark.parametrize("estate", ESTATES, ids=lambda estate: f"{estate.assets}")
def test_a_sized_platform_carries_its_load_and_a_busier_one_is_busier(estate: Estate) -> None:
    sizing = scale.size(estate)
    calm, busy = (scale.fares(estate, sizing, load=load, jobs=2_000) for load in (1.0, 1.5))
    assert max(calm["utilization"].values()) < 0.75
    assert all(calm["utilization"][each] < busy["utilization"][each] for each in PROCESSES)


@pytest.mark.parametrize("estate", ESTATES, ids=lambda estate: f"{estate.assets}")
def test_a_larger_storm_leaves_no_less_behind(estate: Estate) -> None:
    sizing = scale.size(estate)
    waiting = [scale.storm(replace(estate, storm=share), sizing)["waiting"] for share in (0.0, 0.01, 0.1, 1.0)]
    assert waiting == sorted(waiting)
    assert waiting[0] == 0


def test_a_storm_that_is_more_than_a_minute_of_work_is_told_with_its_time() -> None:
    estate = replace(ESTATES[2], storm=1.0)
    outcome = scale.storm(estate, scale.size(estate))
    assert outcome["waiting"] == pytest.approx(estate.assets - 60 * outcome["alerts_per_second"])
    assert outcome["drained_seconds"] == pytest.approx(outcome["waiting"] / outcome["alerts_per_second"])


@given(st.floats(0.05, 0.85))
def test_one_server_waits_as_the_theory_of_queues_says(load: float) -> None:
    outcome = simulate([Job("a", load * 1000, [Visit("s", 1.0)])], {"s": 1}, jobs=20_000, seed=7)
    mean = sum(outcome.times["a"]) / len(outcome.times["a"])
    assert mean == pytest.approx(1 / (1 - load), rel=0.25)
    assert outcome.busy["s"] == pytest.approx(load, rel=0.05)


def test_a_visit_that_nobody_waits_for_loads_and_does_not_delay() -> None:
    jobs = [Job("a", 10.0, [Visit("front", 1.0), Visit("behind", 5.0, waits=False)])]
    outcome = simulate(jobs, {"front": 1, "behind": 1}, jobs=5_000, seed=7)
    assert percentile(outcome.times["a"], 0.5) < 2
    assert outcome.busy["behind"] == pytest.approx(0.05, rel=0.1)


def test_nothing_that_arrives_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing arrives"):
        simulate([Job("a", 0.0, [])], {}, jobs=1, seed=1)


def test_every_operation_of_an_estate_has_a_cost_and_every_estimate_says_so() -> None:
    assert set(ESTATES[0].rates) <= set(COSTS)
    assert all(cost.measured != cost.source.startswith("estimate") for cost in COSTS.values())
    assert scale.PARTITIONS == PARTITIONS


def test_the_command_prints_the_same_figures_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert scale.main([]) == 0
    first = capsys.readouterr().out
    assert scale.main([]) == 0
    assert capsys.readouterr().out == first
    assert [each["estate"]["assets"] for each in json.loads(first)["estates"]] == [1_000, 100_000, 10_000_000]
