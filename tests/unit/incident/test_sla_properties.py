"""Calendars and clocks against counting every minute, over random windows, zones, offset changes and acts."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from chassis.errors import Invalid
from services.incident.domain.calendar import WEEKDAYS, BusinessCalendar, Calendar, Closing, Hours, Window
from services.incident.domain.clock import Clock, ClockKind, Retarget
from tests.unit.incident.minutes import CountedClock, instant, open_minutes

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns"]
NIGHTS_OF_CHANGE = ["2026-03-27", "2026-10-23", "2026-03-06", "2026-10-30", "2026-04-03", "2026-10-02"]
HORIZON = 4 * 1440

times = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
ends = times | st.just("24:00")
spans = st.tuples(times, ends).filter(lambda span: span[0] != span[1])
bases = st.one_of(
    st.sampled_from(NIGHTS_OF_CHANGE).map(lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC)),
    st.integers(0, 365 * 10).map(lambda days: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=days)),
)


@st.composite
def calendars(draw: st.DrawFn, base: datetime | None = None) -> Calendar:
    windows = [
        Window(weekday=day, start=start, end=end)
        for day in draw(st.sets(st.sampled_from(WEEKDAYS), min_size=2))
        for start, end in draw(st.lists(spans, min_size=1, max_size=3))
    ]
    closings = []
    if base is not None:
        for offset in draw(st.sets(st.integers(-1, 4), max_size=2)):
            hours = [Hours(start=start, end=end) for start, end in draw(st.lists(spans, max_size=1))]
            closings.append(Closing(date=f"{base + timedelta(days=offset):%Y-%m-%d}", hours=hours))
    return Calendar(id="cal", zone=draw(st.sampled_from(ZONES)), windows=windows, holidays=closings)


def bounded(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@bounded(60)
@given(st.data(), bases)
def test_a_calendar_agrees_with_counting_every_minute(data: st.DataObject, base: datetime):
    definition = data.draw(calendars(base))
    calendar, is_open = BusinessCalendar(definition), open_minutes(definition, base, HORIZON)
    for _ in range(8):
        start, end = sorted(data.draw(st.tuples(st.integers(0, HORIZON - 1), st.integers(0, HORIZON - 1))))
        counted = sum(is_open[start:end])
        assert calendar.between(instant(base, start), instant(base, end)) == timedelta(minutes=counted)
        assert calendar.is_open(instant(base, start)) == is_open[start]
        assert calendar.is_open(instant(base, end)) == is_open[end]
        if counted:
            last_open = max(minute for minute in range(start, end) if is_open[minute])
            assert calendar.add(instant(base, start), timedelta(minutes=counted)) == instant(base, last_open + 1)
            first_open = min(minute for minute in range(start, end) if is_open[minute])
            assert calendar.next_opening(instant(base, start)) == instant(base, first_open)
            stretches = list(calendar.spans(instant(base, start), instant(base, end)))
            assert sum((closing - opening for opening, closing in stretches), timedelta()) == timedelta(minutes=counted)


milliseconds = st.integers(0, 200 * 86_400_000).map(lambda count: timedelta(milliseconds=count))


@bounded(150)
@given(calendars(), bases, milliseconds, milliseconds)
def test_between_undoes_add_and_add_is_the_earliest_instant(
    definition: Calendar, base: datetime, offset: timedelta, duration: timedelta
):
    calendar, start = BusinessCalendar(definition), base + offset
    try:
        due = calendar.add(start, duration)
    except Invalid:
        assume(False)
    assert calendar.between(start, due) == duration
    if duration:
        assert calendar.between(start, due - timedelta(milliseconds=1)) == duration - timedelta(milliseconds=1)


@bounded(150)
@given(calendars(), bases, st.lists(milliseconds, min_size=3, max_size=5))
def test_business_time_adds_up_over_any_cut(definition: Calendar, base: datetime, offsets: list[timedelta]):
    calendar, cuts = BusinessCalendar(definition), sorted(base + offset * 20 for offset in offsets)
    parts = [calendar.between(start, end) for start, end in pairwise(cuts)]
    assert sum(parts, timedelta()) == calendar.between(cuts[0], cuts[-1])
    assert all(timedelta() <= part <= end - start for part, (start, end) in zip(parts, pairwise(cuts), strict=True))


verbs = st.one_of(
    st.tuples(st.sampled_from(["pause", "resume"]), st.sampled_from(["CALLER", "VENDOR"])),
    st.tuples(st.sampled_from(["stop", "reopen", "calendar"]), st.none()),
    st.tuples(st.just("retarget"), st.tuples(st.sampled_from(Retarget), st.integers(1, 1500))),
)
plans = st.dictionaries(st.integers(1, HORIZON - 2000), verbs, max_size=8)


@bounded(60)
@given(st.data(), bases, st.integers(1, 2000), plans)
def test_a_clock_agrees_with_counting_every_minute(data: st.DataObject, base: datetime, target: int, plan: dict):
    definitions = [data.draw(calendars(base)), data.draw(st.just(Calendar(id="24x7", around_the_clock=True)))]
    pairs = [(BusinessCalendar(own), open_minutes(own, base, HORIZON)) for own in definitions]
    (calendar, is_open), other = pairs
    clock = Clock.start(ClockKind.RESOLVE, timedelta(minutes=target), base, calendar)
    oracle = CountedClock(target=target, start=0)
    end = max(plan, default=0) + data.draw(st.integers(1, 1500))
    swapped = False
    for minute in range(end):
        verb, argument = plan.get(minute, ("", None))
        if verb == "calendar" and not oracle.stopped:
            clock.recalendar(other[0], instant(base, minute), calendar)
            (calendar, is_open), other, swapped = other, (calendar, is_open), True
        elif verb == "retarget" and not oracle.stopped:
            mode, amount = argument
            # placing a breach in time that an earlier calendar booked is only promised to lie within its stretch
            mode = Retarget.RESTART if swapped and mode is Retarget.RETROACTIVE else mode
            clock = clock.retarget(timedelta(minutes=amount), mode, instant(base, minute), calendar)
            oracle.retarget(amount, mode, minute)
        elif verb:
            act(clock, oracle, verb, argument, instant(base, minute), calendar)
        oracle.pass_minute(minute, is_open[minute])
    clock.check(instant(base, end))
    oracle.notice(end)
    assert clock.elapsed_at(instant(base, end), calendar) == timedelta(minutes=oracle.spent)
    assert clock.breach_time == (None if oracle.breach is None else instant(base, oracle.breach))
    assert clock.breached == (oracle.breach is not None)
    assert clock.state == ("STOPPED" if oracle.stopped else "PAUSED" if oracle.reasons else "RUNNING")
    assert clock.start_time == instant(base, oracle.start)
    if clock.state == "PAUSED":
        assert clock.due_time is None
    elif clock.state == "RUNNING" and not clock.breached:
        ahead = [minute for minute in range(end, HORIZON) if is_open[minute]]
        left = oracle.target - oracle.spent
        assert len(ahead) < left or clock.due_time == instant(base, ahead[left - 1] + 1)


def act(clock: Clock, oracle: CountedClock, verb: str, reason: str, at: datetime, calendar: BusinessCalendar) -> None:
    if verb == "pause":
        changed = not oracle.stopped and reason not in oracle.reasons
        oracle.reasons += [reason] * changed
        assert clock.pause(reason, at, calendar) == changed
    elif verb == "resume":
        changed = reason in oracle.reasons
        oracle.reasons = [other for other in oracle.reasons if other != reason]
        assert clock.resume(reason, at, calendar) == changed
    elif verb == "stop":
        assert clock.stop(at, calendar) == (not oracle.stopped)
        oracle.stopped, oracle.reasons = True, []
    else:
        assert clock.reopen(at, calendar) == oracle.stopped
        oracle.stopped = False
