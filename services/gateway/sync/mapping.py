"""What a value of one side is on the other: names and codes by the connection's tables, texts cut to what fits there."""

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.gateway.domain.connection import Connection, Kind
from services.gateway.sync.ports import Record, Ticket

USUAL_STATES: Mapping[Kind, Mapping[str, str]] = {
    Kind.JIRA: {
        "NEW": "To Do",
        "ASSIGNED": "To Do",
        "IN_PROGRESS": "In Progress",
        "ON_HOLD": "In Progress",
        "RESOLVED": "Done",
        "CLOSED": "Done",
        "CANCELLED": "Done",
    },
    Kind.SERVICENOW: {
        "NEW": "1",
        "ASSIGNED": "1",
        "IN_PROGRESS": "2",
        "ON_HOLD": "3",
        "RESOLVED": "6",
        "CLOSED": "7",
        "CANCELLED": "8",
    },
}
USUAL_PRIORITIES: Mapping[Kind, Mapping[str, str]] = {
    Kind.JIRA: {"P1": "Highest", "P2": "High", "P3": "Medium", "P4": "Low", "P5": "Lowest"},
    Kind.SERVICENOW: {"HIGH": "1", "MEDIUM": "2", "LOW": "3"},
}
LONGEST: Mapping[Kind, Mapping[str, int]] = {
    Kind.JIRA: {"title": 255, "description": 32_767},
    Kind.SERVICENOW: {"title": 160, "description": 4_000},
}
"""How much text their fields hold."""
OURS = {"title": 300, "description": 65_536}
"""How much ours hold."""

MOVES: Mapping[str, tuple[frozenset[str], str]] = {
    "start": (frozenset({"NEW", "ASSIGNED"}), "IN_PROGRESS"),
    "hold": (frozenset({"ASSIGNED", "IN_PROGRESS"}), "ON_HOLD"),
    "resume": (frozenset({"ON_HOLD"}), "IN_PROGRESS"),
    "resolve": (frozenset({"NEW", "ASSIGNED", "IN_PROGRESS", "ON_HOLD"}), "RESOLVED"),
    "reopen": (frozenset({"RESOLVED"}), "IN_PROGRESS"),
    "close": (frozenset({"RESOLVED"}), "CLOSED"),
    "cancel": (frozenset({"NEW", "ASSIGNED", "IN_PROGRESS", "ON_HOLD"}), "CANCELLED"),
}
"""The moves of an incident that another system may bring about, as the incident service has them."""

# Where one status of theirs stands for several states of ours: who says it is done has resolved it, and closes nothing.
_MEANT_FIRST = ("IN_PROGRESS", "RESOLVED", "ON_HOLD", "CLOSED", "CANCELLED", "NEW", "ASSIGNED")

# A pair for each priority by the matrix of the incident service; where its level fits, the present impact stays.
_PAIRS: Mapping[str, Sequence[tuple[str, str]]] = {
    "P1": (("HIGH", "HIGH"),),
    "P2": (("MEDIUM", "HIGH"), ("HIGH", "MEDIUM")),
    "P3": (("MEDIUM", "MEDIUM"), ("HIGH", "LOW"), ("LOW", "HIGH")),
    "P4": (("MEDIUM", "LOW"), ("LOW", "MEDIUM")),
    "P5": (("LOW", "LOW"),),
}


@dataclass(frozen=True, slots=True)
class Mapper:
    """The tables of one connection."""

    kind: Kind
    states: Mapping[str, str]
    priorities: Mapping[str, str]

    @classmethod
    def of(cls, connection: Connection) -> "Mapper":
        """The usual tables with what the connection says otherwise."""
        kind, mapping = connection.kind, connection.mapping
        return cls(kind, {**USUAL_STATES[kind], **mapping.states}, {**USUAL_PRIORITIES[kind], **mapping.priorities})

    def out(self, field: str, record: Record) -> str:
        """What a value of ours is there."""
        value: str = getattr(record, field)
        if field == "state":
            return self.states[value]
        if field in ("priority", "impact", "urgency"):
            return self.priorities[value]
        text = _text(value)
        if field == "title":
            text = " ".join(text.split())
        return text[: LONGEST[self.kind][field]].strip()

    def same(self, field: str, record: Record, ticket: Ticket) -> bool:
        """Whether both sides say the same."""
        theirs = ticket.fields.get(field, "")
        if field == "title":
            theirs = " ".join(theirs.split())
        return (
            self.out(field, record).casefold() == _text(theirs).casefold()
            if field in _NAMES
            else self.out(field, record) == _text(theirs)
        )

    def levels(self, field: str, theirs: str, record: Record | None) -> dict[str, str] | None:
        """What a priority or level of theirs changes here; None where it stands for nothing."""
        found = next((name for name, value in self.priorities.items() if value.casefold() == theirs.casefold()), None)
        if found is None:
            return None
        if field != "priority":
            return {field: found}
        present = record.impact if record is not None else "MEDIUM"
        impact, urgency = next((pair for pair in _PAIRS[found] if pair[0] == present), _PAIRS[found][0])
        return {"impact": impact, "urgency": urgency}

    def verbs(self, theirs: str, state: str) -> list[str] | None:
        """The shortest way from a state of ours to one that this of theirs stands for; None where it stands for none.

        Raises `LookupError` where no way leads there.
        """
        meant = [name for name in _MEANT_FIRST if self.states[name].casefold() == theirs.casefold()]
        if not meant:
            return None
        if state in meant:
            return []
        for target in meant:
            if (way := _way(state, target)) is not None:
                return way
        raise LookupError(meant[0])


_NAMES = frozenset({"state", "priority", "impact", "urgency"})


def kept(field: str, value: str) -> str:
    """A value as it is remembered: of what is personal no more than is needed to see that it changed."""
    if field != "description" or not value:
        return value
    return f"blake2b:{hashlib.blake2b(value.encode(), digest_size=16).hexdigest()}"


def taken(field: str, theirs: str) -> str:
    """A text of theirs as ours may hold it."""
    text = _text(theirs)
    if field == "title":
        text = " ".join(text.split())
    return text[: OURS[field]].strip()


def _text(value: str) -> str:
    return value.replace("\r\n", "\n").strip()


def _way(state: str, target: str) -> list[str] | None:
    ways: deque[tuple[str, list[str]]] = deque([(state, [])])
    seen = {state}
    while ways:
        at, verbs = ways.popleft()
        if at == target:
            return verbs
        for verb, (sources, leads_to) in MOVES.items():
            if at in sources and leads_to not in seen:
                seen.add(leads_to)
                ways.append((leads_to, [*verbs, verb]))
    return None
