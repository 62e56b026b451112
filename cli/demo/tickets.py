"""A quarter of incidents as another desk would export them: each with its updates and notes, and all by the declared shape.

The same seed, end and scale make the same incidents.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

from cli.demo import shape
from cli.demo.cast import EMPLOYEES, Member, of_team
from cli.demo.estate import SITES, Estate
from cli.demo.words import WORDS, Topic

DAYS, WHOLE = 92, 1_400
_FRESH = timedelta(hours=8)
OUTAGE_AT = timedelta(days=9, hours=3)
"""How long ago the outage began of which many tell."""
OUTAGE_SERVICE = "Remote access"
_LEVELS = {"P1": ("HIGH", "HIGH"), "P2": ("HIGH", "MEDIUM"), "P3": ("MEDIUM", "MEDIUM"), "P4": ("MEDIUM", "LOW")}
_PLACES = {
    "app": "application",
    "vm": "vm",
    "database": "database",
    "printer": "printer",
    "switch": "switch",
    "laptop": "laptop",
}

Named = Callable[[str, str], str]
"""The id here of a person, team or asset: `named("team", "Network")`."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One of them, as a message of `POST /api/v1/incidents:import`; `rows` is what progress counts."""

    number: str
    message: dict[str, Any]
    rows: int = 1


@dataclass(slots=True)
class _Life:
    """What is made up about one, before it is told."""

    at: datetime
    priority: str
    category: str
    topic: Topic
    requester: Member
    title: str
    asset: str
    service: str
    hands: list[tuple[str, Member]] = field(default_factory=list)


class Quarter:
    """Makes them. `end` is now; nothing is later."""

    def __init__(self, seed: int, end: datetime, scale: float, made: Estate, named: Named) -> None:
        self._random = Random(f"tickets {seed}")  # noqa: S311 - no secret
        self._end, self._made, self._named = end, made, named
        self._count = max(30, round(WHOLE * scale))

    def tickets(self) -> Iterator[Ticket]:
        """All, oldest first."""
        ordinary = [(at, False) for at in shape.arrivals(self._random, self._end, DAYS, self._count)]
        begin, many = self._end - OUTAGE_AT, max(4, self._count // 100)
        told = [(begin + timedelta(minutes=2 + 110 * self._random.random() ** 2), True) for _ in range(many)]
        for place, (at, outage) in enumerate(sorted(ordinary + told), 1):
            life = self._outage(at) if outage else self._life(at)
            yield Ticket(f"DEMO{place:06d}", self._message(f"DEMO{place:06d}", life))

    def _life(self, at: datetime) -> _Life:
        random = self._random
        category = shape.pick(random, [topic.weight for topic in WORDS.topics.values()], list(WORDS.topics))
        topic = WORDS.topics[category]
        title, asset, service = self._worded(random.choice(topic.titles), topic)
        priority = shape.pick(random, list(shape.PRIORITIES.values()), list(shape.PRIORITIES))
        life = _Life(at, priority, category, topic, random.choice(EMPLOYEES), title, asset, service)
        life.hands = self._hands(topic)
        return life

    def _outage(self, at: datetime) -> _Life:
        random, topic = self._random, WORDS.topics["Remote access"]
        service = OUTAGE_SERVICE if OUTAGE_SERVICE in self._made.items else self._made.by["service"][0]
        who = random.choice(EMPLOYEES)
        life = _Life(at, "P2", "Remote access", topic, who, random.choice(WORDS.outage), "", service)
        life.hands = [("Service Desk", random.choice(of_team("Service Desk"))), ("Network", of_team("Network")[0])]
        return life

    def _worded(self, text: str, topic: Topic) -> tuple[str, str, str]:
        """The sentence with names in it, the asset that it names and the service that suffers."""
        random, by = self._random, self._made.by
        keys = {place: random.choice(by[sort]) for place, sort in _PLACES.items()}
        service = random.choice(by["service"])
        asset = random.choice(by[topic.asset]) if topic.asset else ""
        if asset:
            keys |= {place: asset for place, sort in _PLACES.items() if sort == topic.asset}
            service = self._made.supports.get(asset, "")
        elif "{service}" not in text:
            service = ""
        words = {place: self._made.items[key].name for place, key in keys.items()}
        shown = random.choice(EMPLOYEES)
        words |= {"service": self._made.items[service].name if service else "", "site": random.choice(SITES)}
        return text.format(**words, person=f"{shown.first} {shown.last}", number=random.randrange(11, 980)), asset, service

    def _hands(self, topic: Topic) -> list[tuple[str, Member]]:
        """Through whose hands it goes: the desk first, in the end who solves it."""
        random, times = self._random, shape.pick(self._random, shape.HANDS, range(len(shape.HANDS)))
        teams = [random.choice(("Service Desk", topic.team)) for _ in range(times)]
        hands: list[tuple[str, Member]] = []
        for team in [*teams, topic.team]:
            free = [member for member in of_team(team) if not hands or member is not hands[-1][1]] or of_team("Security")
            hands.append((team, random.choice(free)))
        return hands

    def _message(self, number: str, life: _Life) -> dict[str, Any]:
        random, named, told = self._random, self._named, self._updates(life)
        updates = [update for update in told if update["at"] <= self._end]
        notes = [note for note in self._notes(life, told) if note["at"] <= self._end]
        asset, service = life.asset and named("asset", life.asset), life.service and named("asset", life.service)
        impact, urgency = _LEVELS[life.priority]
        assets = [asset] if asset else []
        said = {"category": life.category, "impact": impact, "urgency": urgency, "serviceId": service, "assetIds": assets}
        words = {"site": random.choice(SITES), "number": random.randrange(100, 999), "service": "application"}
        return {
            "externalNumber": number,
            "title": life.title,
            "description": random.choice(life.topic.told).format(**words),
            "requesterId": named("person", life.requester.name),
            "openTime": stamp(life.at),
            "updates": [self._update(said, update) for update in updates],
            "notes": [self._note(note) for note in notes],
        }

    def _updates(self, life: _Life) -> list[dict[str, Any]]:
        random = self._random
        done = life.at + shape.takes(random, life.priority)
        open_for = done - life.at
        first = life.at + min(open_for * 0.2, timedelta(minutes=random.expovariate(1 / 35)))
        steps: list[dict[str, Any]] = [{"at": life.at, "state": "NEW", "actor": life.requester}]
        moments = sorted(first + (done - first) * 0.8 * random.random() for _ in life.hands[1:])
        for place, (team, member) in enumerate(life.hands):
            at = first if place == 0 else moments[place - 1]
            steps.append({"at": at, "state": "ASSIGNED" if place == 0 else "IN_PROGRESS", "actor": member, "team": team,
                          "assignee": member, "hands": place})  # fmt: skip
        if life.at > self._end - _FRESH and random.random() < 0.4:
            return steps[:1]  # nobody has looked at it yet
        team, member = life.hands[-1]
        at, mine = steps[-1]["at"], {"actor": member, "team": team, "assignee": member, "hands": len(life.hands) - 1}
        if len(life.hands) == 1:
            at += (done - at) * 0.1
            steps.append({"at": at, "state": "IN_PROGRESS", **mine})
        if random.random() < shape.HELD:
            reason = random.choices(list(WORDS.waiting), (80, 8, 4, 8))[0]
            wait, going = at + (done - at) * 0.1, at + (done - at) * random.uniform(0.4, 0.9)
            steps += [
                {"at": wait, "state": "ON_HOLD", "holdReason": reason, **mine},
                {"at": going, "state": "IN_PROGRESS", **mine},
            ]
        end = {"resolutionCode": random.choice(WORDS.codes), "resolution": random.choice(life.topic.solved), **mine}
        back = random.random() < shape.REOPENED
        if back:
            early = at + (done - at) * 0.95
            again = {"at": early + (done - early) / 2, "state": "IN_PROGRESS", **mine, "back": 1}
            steps += [{"at": early, "state": "RESOLVED", **end}, again]
        steps.append({"at": done, "state": "RESOLVED", **end, "back": int(back)})
        steps.append({"at": done + shape.CLOSED_AFTER, "state": "CLOSED", **end, "actor": None, "back": int(back)})
        return sorted(steps, key=lambda step: step["at"])

    def _notes(self, life: _Life, steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        random = self._random
        for before, after in pairwise(steps):
            if before["state"] == "ON_HOLD":
                text, public = random.choice(WORDS.waiting[before["holdReason"]]), before["holdReason"] == "CALLER"
                yield {"at": before["at"], "text": text, "public": public, "author": before["actor"]}
                if public:
                    yield {"at": after["at"], "text": random.choice(WORDS.answers), "public": True, "author": life.requester}
            elif before["state"] == "IN_PROGRESS" and random.random() < 0.4:
                at = before["at"] + (after["at"] - before["at"]) * random.random()
                yield {
                    "at": at,
                    "text": random.choice(WORDS.notes).format(site=random.choice(SITES)),
                    "author": before["actor"],
                }

    def _update(self, said: dict[str, Any], step: dict[str, Any]) -> dict[str, Any]:
        named, actor, assignee = self._named, step.get("actor"), step.get("assignee")
        told: dict[str, Any] = {
            **said,
            "time": stamp(step["at"]),
            "state": step["state"],
            "actor": named("person", actor.name) if actor else "",
            "teamId": named("team", step["team"]) if "team" in step else "",
            "assigneeId": named("person", assignee.name) if assignee else "",
            "reassignmentCount": step.get("hands", 0),
            "reopenCount": step.get("back", 0),
            **{name: step[name] for name in ("holdReason", "resolutionCode", "resolution") if name in step},
        }
        return {name: value for name, value in told.items() if value not in ("", [], 0)}

    def _note(self, note: dict[str, Any]) -> dict[str, Any]:
        author = self._named("person", note["author"].name)
        return {"time": stamp(note["at"]), "text": note["text"], "public": note.get("public", False), "authorId": author}


def stamp(at: datetime) -> str:
    """An instant as the platform reads it."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
