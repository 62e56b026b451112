"""Taking signals in, in memory: episodes, repeats and ends, in whatever order they come."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.testing import caller
from services.monitor.domain.signal import ENTRIES_BYTES, Severity, Signal, cut_entries, encoded
from services.monitor.usecases.intake import Taken
from tests.unit.monitor.alerting import NOON, Room, firing, minute, resolved


@pytest.fixture
def room() -> Iterator[Room]:
    with ctx.use(caller(subject="sender")):
        yield Room()


async def test_a_first_signal_opens_an_alert_that_goes_to_people_at_once(room: Room) -> None:
    taken = await room.intake.take([firing(0, labels={"host": "web.1"}, annotations={"$runbook": "x"})])
    (alert,) = await room.alerts()
    assert taken == Taken(opened=1)
    assert (alert["state"], alert["route_time"], alert["count"]) == ("FIRING", NOON, 1)
    assert (alert["labels"], alert["group_key"]) == ({"host": "web.1"}, "f")
    assert await room.events() == ["AlertFired"]
    steps = await room.reading.explain(alert["_id"])
    assert [(step["stage"], step["outcome"]) for step in steps] == [("deduplicate", "OPENED"), ("route", "ROUTED")]


async def test_repeats_are_counted_without_an_event_or_a_version(room: Room) -> None:
    await room.intake.take([firing(0), firing(0)])
    room.clock.advance(minutes=1)
    assert await room.intake.take([firing(0)] * 3) == Taken(repeated=3)
    (alert,) = await room.alerts()
    assert (alert["count"], alert["last_time"], alert["version"]) == (5, minute(1), 1)
    assert await room.events() == ["AlertFired"]


async def test_an_end_resolves_and_frees_the_fingerprint_for_the_next_episode(room: Room) -> None:
    room.clock.advance(minutes=9)
    for signals in ([firing(0)], [resolved(0, 3)], [firing(5)]):
        await room.intake.take(signals)
    first, second = await room.alerts()
    assert (first["state"], first["end_time"]) == ("RESOLVED", minute(3))
    assert (second["state"], second["start_time"]) == ("FIRING", minute(5))
    assert await room.events() == ["AlertFired", "AlertResolved", "AlertFired"]
    assert await room.claims() == {"f"}


async def test_a_batch_may_hold_whole_episodes(room: Room) -> None:
    signals = [firing(0), firing(0), resolved(0, 1), firing(2), resolved(2, 3), firing(4)]
    assert await room.intake.take(signals) == Taken(opened=3, repeated=1, resolved=2)
    assert [alert["state"] for alert in await room.alerts()] == ["RESOLVED", "RESOLVED", "FIRING"]


async def test_a_late_signal_of_an_episode_that_is_over_opens_nothing_and_is_kept_as_evidence(room: Room) -> None:
    await room.intake.take([firing(0), resolved(0, 3)])
    for _ in range(3):
        assert await room.intake.take([firing(0)]) == Taken(ignored=1)
    (alert,) = await room.alerts()
    assert alert["state"] == "RESOLVED"
    steps = await room.reading.explain(alert["_id"])
    assert [step["outcome"] for step in steps] == ["OPENED", "ROUTED", "RESOLVED", "IGNORED"]


async def test_the_end_of_an_unknown_alert_is_ignored_and_its_late_beginning_too(room: Room) -> None:
    assert await room.intake.take([resolved(0, 3)]) == Taken(ignored=1)
    assert await room.intake.take([firing(0)]) == Taken(ignored=1)
    assert await room.intake.take([firing(4)]) == Taken(opened=1)


async def test_a_new_start_before_the_old_end_becomes_an_episode_of_its_own_when_the_end_comes(room: Room) -> None:
    room.clock.advance(minutes=9)
    await room.intake.take([firing(0)])
    await room.intake.take([firing(5)])
    await room.intake.take([resolved(0, 3)])
    first, second = await room.alerts()
    assert (first["state"], first["end_time"]) == ("RESOLVED", minute(3))
    assert (second["state"], second["start_time"]) == ("FIRING", minute(5))


async def test_replicas_whose_starts_differ_a_little_share_an_episode(room: Room) -> None:
    for signals in ([firing(0)], [firing(0.1)], [firing(0)], [resolved(0.1, 9)], [resolved(0, 9.1)], [firing(0.1)]):
        await room.intake.take(signals)
    (alert,) = await room.alerts()
    assert (alert["state"], alert["start_time"]) == ("RESOLVED", NOON)


async def test_a_severity_is_taken_over_at_once_and_a_text_once_a_minute(room: Room) -> None:
    await room.intake.take([firing(0, title="at 91 %")])
    await room.intake.take([firing(0, title="at 92 %")])
    assert await room.events() == ["AlertFired"]
    await room.intake.take([firing(0, title="at 93 %", severity=Severity.CRITICAL)])
    room.clock.advance(minutes=1)
    await room.intake.take([firing(0, title="at 94 %", severity=Severity.CRITICAL)])
    (alert,) = await room.alerts()
    assert (alert["severity"], alert["title"], alert["count"]) == ("CRITICAL", "at 94 %", 4)
    assert await room.events() == ["AlertFired", "AlertUpdated", "AlertUpdated"]


async def test_what_is_too_long_is_cut_and_not_refused(room: Room) -> None:
    labels = {f"label{number}": "x" * 1_000 for number in range(100)}
    texts: dict[str, Any] = {"title": "t" * 1_000, "description": "d\x00" * 10_000, "annotations": {"dump": "x" * 3_000}}
    await room.intake.take([firing(0, labels=labels, **texts)])
    (alert,) = await room.alerts()
    assert (len(alert["title"]), len(alert["description"]), len(alert["labels"])) == (250, 8_000, 64)
    assert "\x00" not in alert["description"]
    assert len(alert["annotations"]["dump"]) == 2_000


@pytest.mark.parametrize("character", ["\U0001f525", "\x01"])
async def test_an_event_holds_the_largest_alert_before_and_after_a_change(room: Room, character: str) -> None:
    def large(mark: str) -> Signal:
        texts = {f"{number:03}{character * 197}": mark + character * 3_000 for number in range(100)}
        return firing(
            0, title=mark + character * 500, description=mark + character * 9_000, labels=texts,
            annotations=texts | {"summary": "short"}, generator_url=mark + character * 3_000,
        )  # fmt: skip

    await room.intake.take([large("a")])
    room.clock.advance(minutes=1)
    await room.intake.take([large("b"), firing(0, "g")])
    assert sorted(await room.events()) == ["AlertFired", "AlertFired", "AlertUpdated"]


def test_of_too_many_entries_the_small_ones_stay() -> None:
    entries = {"alertname": "Full", "dump": "x" * 2_000, "log": "x" * 1_000}
    assert cut_entries(entries, 1_500) == {"alertname": "Full", "log": "x" * 1_000}
    assert cut_entries(entries, 0) == {}
    assert encoded(cut_entries({f"{number}": "\x01" * 2_000 for number in range(64)})) <= ENTRIES_BYTES


async def test_an_alert_that_ends_in_the_batch_in_which_it_was_repeated_is_due_no_more(room: Room) -> None:
    await room.intake.take([firing(0)])
    await room.intake.take([firing(0, expire_time=minute(5)), resolved(0, 1)])
    (alert,) = await room.alerts()
    assert (alert["state"], alert["expire_time"], alert["count"]) == ("RESOLVED", None, 2)


async def test_tenants_do_not_share_fingerprints(room: Room) -> None:
    await room.intake.take([firing(0)])
    with ctx.use(caller(tenant="other")):
        assert await room.intake.take([firing(0)]) == Taken(opened=1)


# Senders: each sends the timeline of a fingerprint in order, and may at any time repeat something that it sent before.
TIMELINES = st.lists(st.integers(min_value=1, max_value=5), min_size=2, max_size=9)


def timeline(gaps: list[int], fingerprint: str) -> list[Signal]:
    """Episodes one after the other; the last may be open."""
    instants = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    messages: list[Signal] = []
    for number, instant in enumerate(instants):
        if number % 2 == 0:
            messages.append(firing(instant, fingerprint))
        else:
            messages.append(resolved(instants[number - 1], instant, fingerprint))
    return messages


@settings(max_examples=150, deadline=None)
@given(data=st.data(), gaps=st.lists(TIMELINES, min_size=1, max_size=3), senders=st.integers(min_value=1, max_value=3))
async def test_any_interleaving_and_repetition_leaves_exactly_the_episodes_of_the_timeline(
    data: Any, gaps: list[list[int]], senders: int
) -> None:
    timelines = [timeline(each, f"f{number}") for number, each in enumerate(gaps)]
    queues = [list(messages) for messages in timelines for _ in range(senders)]
    sent: list[Signal] = []
    with ctx.use(caller(subject="sender")):
        room = Room()
        room.clock.advance(hours=1)  # after all that the timelines tell of
        while any(queues):
            choices = [queue for queue in queues if queue]
            batch: list[Signal] = []
            for _ in range(data.draw(st.integers(min_value=1, max_value=4))):
                if sent and data.draw(st.booleans()):
                    batch.append(data.draw(st.sampled_from(sent)))
                elif choices := [queue for queue in choices if queue]:
                    message = data.draw(st.sampled_from(choices)).pop(0)
                    sent.append(message)
                    batch.append(message)
            await room.intake.take(batch)
            open_alerts = [alert["fingerprint"] for alert in await room.alerts(state={"$ne": "RESOLVED"})]
            assert set(open_alerts) == await room.claims()
            assert len(open_alerts) == len(set(open_alerts))
        for number, messages in enumerate(timelines):
            starts = [message.start_time for message in messages if message.status == "FIRING"]
            ends = [message.end_time for message in messages if message.status == "RESOLVED"]
            found = await room.alerts(fingerprint=f"f{number}")
            assert [alert["start_time"] for alert in found] == starts
            assert [alert["end_time"] for alert in found] == ends + [None] * (len(starts) - len(ends))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), gaps=TIMELINES)
async def test_in_no_order_at_all_an_episode_is_doubled_and_what_is_open_in_the_end_is_what_goes_on(
    data: Any, gaps: list[int]
) -> None:
    messages = timeline(gaps, "f")
    with ctx.use(caller(subject="sender")):
        room = Room()
        room.clock.advance(hours=1)  # as above
        for message in data.draw(st.permutations(messages * 2)):
            await room.intake.take([message])
        found = await room.alerts()
        starts = [alert["start_time"] for alert in found]
        assert len(starts) == len(set(starts))
        assert set(starts) <= {message.start_time for message in messages}
        assert all(alert["end_time"] is None or alert["end_time"] > alert["start_time"] for alert in found)
        going_on = [messages[-1].start_time] if messages[-1].status == "FIRING" else []
        assert [alert["start_time"] for alert in found if alert["state"] != "RESOLVED"] == going_on
