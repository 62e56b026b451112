"""Who is on call when, over layers, hours, overrides and changes of the clocks."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import Invalid, NotFound
from services.monitor.domain.recurrence import Weekday
from services.monitor.domain.rotation import LONGEST, Layer, Override, Restriction, Rota, Unit
from services.monitor.domain.schedule import KEPT, Schedule

BERLIN = "Europe/Berlin"
# Clocks that change at night, by half an hour, at midnight, over the day line; and one that stands.
ZONES = (BERLIN, "America/New_York", "Australia/Lord_Howe", "America/Havana", "Asia/Beirut", "Pacific/Apia", "UTC")
WEEKDAYS = list(Weekday)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: str = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def weekly(**more: object) -> Layer:
    return Layer(**({"user_ids": ["ann", "bob"], "start": "2026-01-05T09:00"} | more))  # type: ignore[arg-type]


instants = st.integers(1_307_000_000, 1_830_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
clock_times = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.sampled_from([0, 0, 15, 30, 59]))
starts = st.builds(lambda day, at: f"{day:%Y-%m-%d}T{at}", st.dates(date(2011, 1, 1), date(2026, 1, 1)), clock_times)
restrictions = st.builds(
    lambda begin, end, weekdays: Restriction(begin=begin, end=end, weekdays=weekdays),
    clock_times,
    clock_times,
    st.lists(st.sampled_from(WEEKDAYS), max_size=3, unique=True),
)
layers = st.builds(
    lambda users, start, unit, length, hours: Layer(user_ids=users, start=start, unit=unit, length=length, restrictions=hours),
    st.lists(st.sampled_from(["ann", "bob", "max", "eve"]), min_size=1, max_size=4),
    starts,
    st.sampled_from(Unit),
    st.integers(6, 40),
    st.lists(restrictions, max_size=2),
)


@st.composite
def rotas(draw: st.DrawFn) -> tuple[Rota, datetime, datetime]:
    begin = draw(instants)
    end = begin + timedelta(hours=draw(st.integers(1, 24 * 21)))
    overrides = []
    for number in range(draw(st.integers(0, 3))):
        first = begin + timedelta(minutes=draw(st.integers(-3000, 20_000)))
        last = first + timedelta(minutes=draw(st.integers(1, 5000)))
        overrides.append(Override(id=f"ovr_{number}", user_id=f"sub{number}", start_time=first, end_time=last))
    rota = Rota(zone=draw(st.sampled_from(ZONES)), layers=draw(st.lists(layers, max_size=3)), overrides=overrides)
    return rota, begin, end


@settings(max_examples=150, deadline=None)
@given(rotas(), st.data())
def test_shifts_and_the_question_who_is_on_call_agree_at_every_instant(
    drawn: tuple[Rota, datetime, datetime], data: st.DataObject
) -> None:
    rota, begin, end = drawn
    found = rota.shifts(begin, end)
    assert all(begin <= each.start_time < each.end_time <= end for each in found)
    assert all(one.end_time <= after.start_time for one, after in pairwise(found)), "nobody beside somebody"
    edges = {begin, *(each.start_time for each in found), *(each.end_time for each in found)}
    beside = {edge + timedelta(seconds=by) for edge in edges for by in (-1, 0, 1)}
    beside |= {begin + (end - begin) * data.draw(st.floats(0, 0.999)) for _ in range(5)}
    for at in beside:
        if not begin <= at < end:
            continue
        covering = [each for each in found if each.start_time <= at < each.end_time]
        who = rota.decided(at)
        assert [(each.user_id, each.layer, each.override_id) for each in covering] == ([who] if who else [])
        lasting = [each for each in rota.overrides if each.lasts(at)]
        assert not lasting or who == (lasting[-1].user_id, -1, lasting[-1].id), "the newest override goes before"


@settings(max_examples=100, deadline=None)
@given(layers, st.sampled_from(ZONES), instants, st.lists(clock_times, min_size=2, max_size=4, unique=True))
def test_hours_that_meet_on_the_wall_clock_leave_no_gap_whatever_the_clocks_do(
    layer: Layer, zone: str, begin: datetime, times: list[str]
) -> None:
    round_the_clock = [Restriction(begin=one, end=other) for one, other in pairwise([*sorted(times), min(times)])]
    shared = [
        Layer(user_ids=layer.user_ids, start="2011-01-01T00:00", unit=layer.unit, length=layer.length, restrictions=[each])
        for each in round_the_clock
    ]
    found = Rota(zone=zone, layers=shared).shifts(begin, begin + timedelta(days=40))
    assert found[0].start_time == begin
    assert found[-1].end_time == begin + timedelta(days=40)
    assert all(one.end_time == after.start_time for one, after in pairwise(found))


def test_turns_change_at_the_same_time_of_the_wall_clock_over_both_changes_of_the_clocks() -> None:
    rota = Rota(zone=BERLIN, layers=[weekly()])
    found = rota.shifts(local("2026-03-23T09:00"), local("2026-04-06T09:00"))
    assert [(each.user_id, each.start_time) for each in found] == [
        ("bob", utc("2026-03-23T08:00")),
        ("ann", utc("2026-03-30T07:00")),
    ]
    assert found[0].end_time - found[0].start_time == timedelta(days=7, hours=-1)
    daily = Rota(zone=BERLIN, layers=[weekly(unit=Unit.DAYS, start="2026-10-20T02:30")])
    lengths = [each.end_time - each.start_time for each in daily.shifts(local("2026-10-24T02:30"), local("2026-10-27T02:30"))]
    assert lengths == [timedelta(hours=24), timedelta(hours=25), timedelta(hours=24)]


def test_a_handover_that_the_clocks_jump_over_is_at_the_jump() -> None:
    daily = Rota(zone=BERLIN, layers=[weekly(unit=Unit.DAYS, start="2026-03-27T02:30")])
    found = daily.shifts(utc("2026-03-28T12:00"), utc("2026-03-29T12:00"))
    assert [each.start_time for each in found] == [utc("2026-03-28T12:00"), utc("2026-03-29T01:00")]


def test_a_later_layer_decides_at_its_hours_and_the_one_above_it_at_all_others() -> None:
    nights = Restriction(begin="22:00", end="06:00", weekdays=[Weekday.FRIDAY])
    rota = Rota(zone=BERLIN, layers=[weekly(), weekly(user_ids=["max"], restrictions=[nights])])
    found = rota.shifts(local("2026-01-09T12:00"), local("2026-01-10T12:00"))
    assert [(each.user_id, each.layer, each.start_time) for each in found] == [
        ("ann", 0, local("2026-01-09T12:00")),
        ("max", 1, local("2026-01-09T22:00")),
        ("ann", 0, local("2026-01-10T06:00")),
    ]


def test_before_its_first_turn_a_layer_has_nobody() -> None:
    rota = Rota(zone=BERLIN, layers=[weekly(unit=Unit.HOURS, length=12)])
    assert rota.decided(local("2026-01-05T08:59")) is None
    assert rota.decided(local("2026-01-05T09:00")) == ("ann", 0, "")
    assert rota.decided(local("2026-01-05T21:00")) == ("bob", 0, "")
    assert rota.decided(utc("1975-01-01T00:00")) is None


def made(**more: object) -> Schedule:
    given = {"name": "Payments", "time_zone": BERLIN, "layers": [weekly()]} | more
    schedule = Schedule.made(id="ocs_1", by="boss", at=utc("2026-01-05T00:00"), **given)
    schedule.take_recorded()
    return schedule


def override(number: int, start: str, end: str) -> Override:
    return Override(id=f"ovr_{number}", user_id="max", start_time=local(start), end_time=local(end))


def test_an_override_is_on_duty_and_whose_turn_it_was_comes_next() -> None:
    schedule, now = made(), local("2026-01-10T10:00")
    schedule.add_override(override(1, "2026-01-10T00:00", "2026-01-11T00:00"), now)
    current, following = schedule.duty(now)
    assert current is not None and following is not None
    assert (current.user_id, current.override_id, current.end_time) == ("max", "ovr_1", local("2026-01-11T00:00"))
    assert (following.user_id, following.start_time, following.layer) == ("ann", local("2026-01-11T00:00"), 0)


def hourly(layers: int, *people: str) -> list[Layer]:
    """Layers of turns by the hour, of which each begins a few minutes after the one before."""
    users = list(people) or ["ann", "bob"]
    return [weekly(user_ids=users, unit=Unit.HOURS, start=f"2026-01-05T09:{2 * place:02}") for place in range(layers)]


def test_turns_by_the_hour_are_listed_for_the_longest_time_and_more_are_refused_with_what_would_be_right() -> None:
    begin = utc("2026-01-06T00:00")
    assert len(Rota(zone="UTC", layers=hourly(1)).shifts(begin, begin + LONGEST)) == LONGEST // timedelta(hours=1)
    with pytest.raises(Invalid) as refused:
        Rota(zone="UTC", layers=hourly(20)).shifts(begin, begin + LONGEST)
    assert list(refused.value.violations) == ["end_time"]
    assert Rota(zone="UTC", layers=hourly(20)).shifts(begin, begin + timedelta(days=4))


def test_who_comes_next_is_known_however_often_it_changes() -> None:
    now = utc("2026-01-06T00:30")
    current, following = made(layers=hourly(20)).duty(now)
    assert current is not None and following is not None
    assert current.end_time == following.start_time < now + timedelta(hours=1)
    alone, nobody = made(layers=hourly(20, "ann")).duty(now)
    assert alone is not None and (alone.user_id, nobody) == ("ann", None)


def test_a_shift_is_told_with_its_own_end_however_far_that_is() -> None:
    now = local("2026-01-10T10:00")
    current, following = made().duty(now)
    assert current is not None and following is not None
    assert (current.end_time, following.end_time) == (local("2026-01-12T09:00"), local("2026-01-19T09:00"))


def test_what_is_long_over_goes_with_the_next_override_and_one_of_the_past_is_refused() -> None:
    schedule = made()
    schedule.add_override(override(1, "2026-01-10T00:00", "2026-01-11T00:00"), local("2026-01-10T00:00"))
    schedule.take_recorded()
    much_later = local("2026-01-11T00:00") + KEPT
    with pytest.raises(Invalid) as refused:
        schedule.add_override(override(2, "2026-01-10T00:00", "2026-01-12T00:00"), much_later)
    assert list(refused.value.violations) == ["end_time"]
    schedule.add_override(override(3, "2026-04-20T00:00", "2026-04-21T00:00"), much_later)
    assert [each.id for each in schedule.overrides] == ["ovr_3"]
    with pytest.raises(NotFound):
        schedule.remove_override("ovr_1", much_later)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"time_zone": "Europe/Nowhere"}, "time_zone"),
        ({"name": " "}, "name"),
        ({"layers": [weekly(user_ids=[])]}, "layers[0].user_ids"),
        ({"layers": [weekly(start="2026-13-05T09:00")]}, "layers[0].start"),
        ({"layers": [weekly(length=0)]}, "layers[0].length"),
        ({"layers": [weekly(restrictions=[Restriction(begin="9:00", end="17:00")])]}, "layers[0].restrictions[0].begin"),
    ],
)
def test_a_schedule_that_nobody_could_follow_is_refused(more: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        made(**more)
    assert list(refused.value.violations) == [field]
