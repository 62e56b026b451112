"""Pieces become what the platform is told: incidents with their whole history and everything said about them, rows of assets.

A history is replayed from its end: the values of today with each change undone give those of the first day. Where a system
tells no changes, what its record says of its own life (taken, resolved, closed) stands for them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cli.importers.mapping import PRIORITIES, SKIP, Meanings
from cli.importers.records import Asset, Change, Label, Part, Person, Place, Refusal, Remark, Team, Ticket, Unusable
from cli.importers.staging import Staging
from cli.importers.values import MAX_ID, MAX_TEXT, split, title

TRACKED = ("state", "assignee", "team", "priority", "impact", "urgency", "category", "service")
_OVER = ("RESOLVED", "CLOSED", "CANCELLED")
_SOON = timedelta(minutes=5)
_MOST_ASSETS = 100


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as a message of `POST /api/v1/incidents:import`."""

    place: Place
    number: str
    message: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """An asset as a row of `POST /api/v1/imports`, by what its columns mean."""

    place: Place
    key: str
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """What held from some instant on: `state` None is as before, and so are fields that `values` lack."""

    time: datetime
    actor: str
    state: tuple[str, str] | None
    values: Mapping[str, str]


@dataclass(slots=True)
class Joiner:
    """What is joined of one run, in the words of this platform. `now` is after everything that may have happened."""

    staging: Staging
    meanings: Meanings
    now: datetime
    skipped: int = 0
    _known: dict[str, str] = field(default_factory=dict)

    def incidents(self) -> Iterator[Incident | Refusal]:
        """Each ticket, in the order in which they came."""
        for place, ticket in self.staging.each(Ticket):
            try:
                message = self._incident(ticket)
            except Unusable as wrong:
                yield Refusal(place, wrong.reason, wrong.field, ticket.number, "incident")
            else:
                yield Incident(place, ticket.number, message)

    def rows(self) -> Iterator[Row | Refusal]:
        """Each asset, in the order in which they came. What the map leaves out is counted in `skipped`."""
        for place, asset in self.staging.each(Asset):
            class_ = self._class(asset)
            if class_ == SKIP:
                self.skipped += 1
            elif not class_:
                reason = f"{asset.class_[:80]!r} is no class here: say in the map what it means, or skip"
                yield Refusal(place, reason, "class", asset.name, "asset")
            else:
                yield Row(place, asset.key, {"key": asset.key, "name": asset.name, "class": class_, **self._cells(asset)})

    def _class(self, asset: Asset) -> str | None:
        kind = self._label(asset.labels.get("class", ""))
        if kind and (narrow := self.meanings.said("classes", f"{asset.class_}: {kind}")):
            return narrow
        return self.meanings.find("classes", asset.class_)

    def _cells(self, asset: Asset) -> dict[str, str]:
        named = {target: self._label(label) for target, label in asset.labels.items() if target != "class"}
        people = {"ownerId": self.user(asset.values.get("ownerId", "")), "teamId": self.team(asset.values.get("teamId", ""))}
        return {target: cell for target, cell in {**named, **asset.values, **people}.items() if cell}

    def _label(self, label: str) -> str:
        """The words behind `<list>/<id>`; the id itself where it is words already, nothing for a bare number."""
        if not label:
            return ""
        if (known := self.staging.one(Label, label)) is not None:
            return known.name
        word = label.partition("/")[2]
        return "" if word.isdigit() else word

    def is_here(self, who: str) -> bool:
        """Whether somebody there is known to be a user here."""
        return self._matched(self._words(who)) is not None

    def user(self, who: str) -> str:
        """The id of a user here; else what somebody is called there, so that nothing is lost."""
        if not who:
            return ""
        if who not in self._known:
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[who] = self._user(who)
        return self._known[who]

    def team(self, which: str) -> str:
        """The id of a team here; else what it is called there."""
        if not which:
            return ""
        told = self.staging.one(Team, which)
        name = told.name if told else which
        if (said := self.meanings.said("teams", which, name)) is not None:
            return "" if said == SKIP else said
        if len(found := self.staging.ours("team", name)) == 1:
            return found[0][0]
        self.meanings.find("teams", name)
        return name[:MAX_ID]

    def _user(self, who: str) -> str:
        person = self._words(who)
        if (found := self._matched(person)) is not None:
            return found
        shown = person.mail or person.login or person.name
        self.meanings.find("users", shown)
        return (person.name or shown)[:MAX_ID]

    def _words(self, who: str) -> Person:
        """What is known of somebody; a word that is no key is what they sign in with, or are written to at."""
        return self.staging.person(who) or Person(key=who, login=who, mail=who if "@" in who else "")

    def _matched(self, person: Person) -> str | None:
        said = self.meanings.said("users", person.key, person.login, person.mail, person.name)
        if said is not None:
            return "" if said == SKIP else said
        mail = person.mail.casefold()
        for word in (mail, person.login):
            found = self.staging.ours("user", word) if word else []
            # The same login with another address is somebody else.
            if len(found) == 1 and (word == mail or not mail or found[0][1] in ("", mail)):
                return found[0][0]
        return None

    def _incident(self, ticket: Ticket) -> dict[str, Any]:
        parts = {role: [part.who for part in self.staging.of(Part, ticket.key) if part.role == role] for role in
                 ("requester", "assignee", "team", "asset", "solution")}  # fmt: skip
        line, whole = title(ticket.title, f"{ticket.number}")
        notes = list(self._notes(ticket))
        said = notes.pop(0)["text"] if ticket.described_by_note and notes and not ticket.description else ticket.description
        about = [whole, said]
        description = "\n\n".join(part for part in about if part)
        updates = self._updates(ticket, parts)
        message: dict[str, Any] = {
            "externalNumber": ticket.number,
            "title": line,
            "description": description[:MAX_TEXT],
            "requesterId": self.user(ticket.requester or next(iter(parts["requester"]), "")),
            "openTime": stamp(ticket.opened),
            "updates": updates,
            "notes": [*self._rest(ticket, description[MAX_TEXT:]), *notes],
        }
        if ticket.made_sla is not None:
            message["madeSla"] = ticket.made_sla
        if ticket.opened > self.now + _SOON or updates[-1]["time"] > stamp(self.now + _SOON):
            raise Unusable("updated", f"{updates[-1]['time']} is in the future; is the zone right?")
        return {name: value for name, value in message.items() if value not in ("", [])}

    def _updates(self, ticket: Ticket, parts: dict[str, list[str]]) -> list[dict[str, Any]]:
        current = {what: self._word(what, getattr(ticket, what)) for what in TRACKED}
        for role in ("assignee", "team"):
            current[role] = current[role] or next(iter(parts[role]), "")
        changes = sorted((each for each in self.staging.of(Change, ticket.key) if each.what in TRACKED), key=lambda it: it.time)
        told = any(change.what == "state" for change in changes)
        moments = dict(ticket.moments)
        ended = ticket.updated
        if (last := self._state(current["state"], ticket))[0] == "CANCELLED":  # what was withdrawn was never solved
            ended = min((moments.pop(each) for each in _OVER if each in moments), default=ended)
        values = self._undone(current, changes)
        if not changes:
            values["assignee"] = ""  # who has it in the end was hardly there at the first minute
        steps = list(self._changed(ticket, values, changes, told=told))
        if not told:
            taken = {} if changes else {"assignee": current["assignee"]}
            steps += [Step(time, "", (moment, ""), taken) for moment, time in moments.items()]
            steps = _lived(steps, ticket.opened)
        if steps[-1].state != last or dict(pair for step in steps for pair in step.values.items()) != current:
            steps.append(Step(ended or steps[-1].time, "", last, current))
        return self._told(steps, ticket, self._assets(parts["asset"]), next(reversed(parts["solution"]), ""))

    def _changed(self, ticket: Ticket, values: dict[str, str], changes: list[Change], *, told: bool) -> Iterator[Step]:
        """The first day, whose values are given, and what was changed since. Without `told` no change is of the state."""
        step = Step(ticket.opened, "", self._state(values["state"], ticket) if told else ("NEW", ""), values)
        at_once: set[str] = set()
        for change in changes:
            # Fields that somebody changed together are one step; the same field twice are two.
            if not at_once or change.what in at_once or (step.time, step.actor) != (change.time, change.actor):
                yield step
                at_once = set()
            at_once.add(change.what)
            values = {**values, change.what: self._word(change.what, change.new)}
            step = Step(change.time, change.actor, self._state(values["state"], ticket) if told else None, values)
        yield step

    def _undone(self, current: dict[str, str], changes: list[Change]) -> dict[str, str]:
        values = dict(current)
        for change in reversed(changes):
            if change.old is not None:
                values[change.what] = self._word(change.what, change.old)
        return values

    def _told(self, steps: list[Step], ticket: Ticket, assets: list[str], solution: str) -> list[dict[str, Any]]:
        updates: list[dict[str, Any]] = []
        reopened = reassigned = 0
        values, before, at = dict(steps[0].values), steps[0].state or ("", ""), ticket.opened
        for place, step in enumerate(steps):
            state, reason = step.state or before
            reopened += before[0] in _OVER and state not in _OVER
            assignee = step.values.get("assignee", values["assignee"])
            reassigned += bool(values["assignee"]) and assignee != values["assignee"]
            values |= step.values
            at, before = max(at, step.time), (state, reason)
            final = place + 1 == len(steps)
            update = {
                "time": stamp(at),
                "actor": self.user(step.actor),
                "state": state,
                "holdReason": reason,
                **self._levels(values),
                "teamId": self.team(values["team"]),
                "assigneeId": self.user(values["assignee"]),
                "category": values["category"][:MAX_ID],
                "serviceId": self._service(values["service"]),
                "assetIds": assets,
                "resolutionCode": ticket.code[:100] if state in _OVER else "",
                "resolution": (ticket.resolution or solution)[:MAX_TEXT] if state in _OVER else "",
                "reopenCount": max(reopened, ticket.reopened if final else 0),
                "reassignmentCount": max(reassigned, ticket.reassigned if final else 0),
            }
            updates.append({name: value for name, value in update.items() if value not in ("", [], 0)})
        return updates

    def _state(self, word: str, ticket: Ticket) -> tuple[str, str]:
        found = self.meanings.state(word)
        if found is None:
            raise Unusable("state", f"{word[:80]!r} means no state here: say it in the map")
        if found[0] == "ON_HOLD" and not found[1]:
            hold = self.meanings.state(ticket.hold) if ticket.hold else None
            return "ON_HOLD", hold[1] if hold and hold[1] else "CALLER"
        return found

    def _word(self, what: str, value: str) -> str:
        """The words that a list of the export has for an id."""
        known = self.staging.one(Label, f"{what}/{value}") if value and what not in ("assignee", "team", "service") else None
        return known.name if known else value

    def _levels(self, values: dict[str, str]) -> dict[str, str]:
        """Impact and urgency; where a system tells none, those that make its priority."""
        impact, urgency = (self.meanings.find(f"{each}", values[name]) or "" for each, name in
                           (("impacts", "impact"), ("urgencies", "urgency")))  # fmt: skip
        if not (impact or urgency) and (priority := self.meanings.find("priorities", values["priority"])):
            impact, urgency = PRIORITIES[priority]
        return {"impact": impact, "urgency": urgency}

    def _service(self, which: str) -> str:
        if not which:
            return ""
        if made := self.staging.id_of(which):
            return made
        label = self.staging.one(Label, f"service/{which}")
        said = self.meanings.said("services", which, label.name if label else "")
        if said is None:
            self.meanings.find("services", label.name if label else which)
        return "" if said in (None, SKIP) else str(said)

    def _assets(self, keys: list[str]) -> list[str]:
        found = dict.fromkeys(made for key in keys if (made := self.staging.id_of(key)) and not made.startswith("new:"))
        return list(found)[:_MOST_ASSETS]

    def _notes(self, ticket: Ticket) -> Iterator[dict[str, Any]]:
        for remark in sorted(self.staging.of(Remark, ticket.key), key=lambda each: each.time):
            for text in split(remark.text):
                note = {"time": stamp(max(remark.time, ticket.opened)), "text": text, "authorId": self.user(remark.author)}
                yield {**{name: value for name, value in note.items() if value}, **({"public": True} if remark.public else {})}

    @staticmethod
    def _rest(ticket: Ticket, text: str) -> Iterator[dict[str, Any]]:
        """What a description cannot hold."""
        for piece in split(text):
            yield {"time": stamp(ticket.opened), "text": piece, "public": True}


def _lived(steps: list[Step], opened: datetime) -> list[Step]:
    """In order, each with the state that the moments of its life have brought it to; nothing is before the first."""
    found: list[Step] = []
    state: tuple[str, str] | None = None
    for step in sorted(steps, key=lambda each: max(each.time, opened)):
        state = step.state or state
        found.append(replace(step, state=state))
    return found


def stamp(time: datetime) -> str:
    """An instant as the platform is told it."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z").replace(".000000Z", "Z")
