"""The company to look around in: the same from the same seed, of the declared shape, and in our own words."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median
from typing import Any

import pytest

from cli.demo import shape
from cli.demo.cast import SHOWN, STAFF, TEAMS, everybody
from cli.demo.estate import WHOLE, Estate, estate
from cli.demo.measured import Month
from cli.demo.tickets import Quarter, Ticket
from cli.demo.words import WORDS
from services.auth.domain.roles import PEOPLE_ROLES

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
_PLACES = re.compile(r"\{\w+\}")


@pytest.fixture(scope="module")
def whole() -> Estate:
    return estate(1)


@pytest.fixture(scope="module")
def quarter(whole: Estate) -> list[Ticket]:
    return list(Quarter(1, NOW, 1.0, whole, lambda kind, name: f"{kind}:{name}").tickets())


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("scale", [1.0, 0.2, 0.02])
def test_the_estate_has_its_size_and_every_relation_two_ends(scale: float) -> None:
    made = estate(7, scale)
    assert len(made.items) == max(WHOLE * scale, len(made.items) if scale < 0.1 else 0)
    assert {end for tie in made.ties for end in (tie.provider, tie.consumer)} <= made.items.keys()
    assert len({(tie.provider, tie.consumer, tie.kind) for tie in made.ties}) == len(made.ties)
    assert len({item.name for item in made.items.values()}) == len(made.items)


def test_whatever_a_service_hangs_on_ends_at_the_core_of_the_network(whole: Estate) -> None:
    below: dict[str, set[str]] = {}
    for tie in whole.ties:
        below.setdefault(tie.consumer, set()).add(tie.provider)

    def reached(key: str) -> set[str]:
        return {key}.union(*(reached(each) for each in below.get(key, ())))

    for service in whole.by["service"]:
        assert set(whole.by["core"]) <= reached(service)


def test_the_same_seed_makes_the_same_and_another_one_another(whole: Estate, quarter: list[Ticket]) -> None:
    def numbers(seed: int) -> list[dict[str, Any]]:
        made = estate(seed, 0.1)
        tickets = Quarter(seed, NOW, 0.02, made, lambda _, name: name).tickets()
        return [*(ticket.message for ticket in tickets), *(sent.body for sent in Month(seed, NOW, 0.1, made).past())]

    assert numbers(3) == numbers(3) != numbers(4)
    assert estate(1).items == whole.items
    assert len({ticket.number for ticket in quarter}) == len(quarter)


def test_tickets_arrive_weigh_and_change_hands_as_declared(quarter: list[Ticket]) -> None:
    first = [when(ticket.message["openTime"]) for ticket in quarter]
    assert min(first) > NOW - timedelta(days=93)
    assert max(first) < NOW
    hours, days = Counter(at.hour for at in first), Counter(at.weekday() for at in first)
    for counted, declared in ((hours, shape.HOURS), (days, shape.WEEKDAYS)):
        for place, weight in enumerate(declared):
            assert counted[place] / len(first) == pytest.approx(weight / sum(declared), abs=0.03)
    ordinary = [ticket for ticket in quarter if ticket.message["title"] not in WORDS.outage]
    levels = Counter((t.message["updates"][0]["impact"], t.message["updates"][0]["urgency"]) for t in ordinary)
    assert levels["MEDIUM", "MEDIUM"] / len(ordinary) == pytest.approx(0.85, abs=0.03)
    # Who is still worked on has not changed hands as often as it will.
    closed = [ticket for ticket in ordinary if ticket.message["updates"][-1]["state"] == "CLOSED"]
    hands = Counter(ticket.message["updates"][-1].get("reassignmentCount", 0) for ticket in closed)
    for times, weight in enumerate(shape.HANDS[:4]):
        assert hands[times] / len(closed) == pytest.approx(weight / 1000, abs=0.04)


@pytest.mark.parametrize("priority", ["P2", "P3", "P4"])
def test_tickets_take_as_long_as_declared(priority: str) -> None:
    random = Random(5)  # noqa: S311 - no secret
    taken = [shape.takes(random, priority).total_seconds() for _ in range(4000)]
    assert median(taken) == pytest.approx(shape.median(priority).total_seconds(), rel=0.15)


def test_each_history_is_one_that_can_be_told(quarter: list[Ticket]) -> None:
    for ticket in quarter:
        times = [when(ticket.message["openTime"]), *(when(update["time"]) for update in ticket.message["updates"])]
        assert times == sorted(times)
        assert all(when(note["time"]) <= NOW for note in ticket.message["notes"])
        assert not _PLACES.search(str(ticket.message["title"]) + str(ticket.message["notes"]) + ticket.message["description"])
        last = ticket.message["updates"][-1]
        assert ("resolution" in last) == (last["state"] in ("RESOLVED", "CLOSED"))


def test_alerts_are_over_before_they_begin_again_and_some_fire_now(whole: Estate) -> None:
    month = Month(1, NOW, 1.0, whole)
    firing: set[str] = set()
    for sent in month.past():
        key = str(sorted(sent.body["labels"].items()))
        assert (key in firing) == (sent.body["status"] == "resolved")
        (firing.discard if key in firing else firing.add)(key)
        assert sent.at <= NOW - timedelta(minutes=30)
    assert not firing
    assert len(month.firing()) == 6


def test_everybody_has_a_place_and_may_do_what_somebody_can_be_given() -> None:
    people = everybody()
    assert len({member.name for member in people}) == len(people)
    assert {role for member in people for role in member.roles} <= PEOPLE_ROLES
    assert {member.team for member in STAFF} - {""} == set(TEAMS)
    assert {name for name, _ in SHOWN} <= {member.name for member in people}
