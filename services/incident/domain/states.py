"""The incident's states and the table of its moves, as data: what is not in the table is refused.

The table is the union of what iTop and ServiceNow allow, with three additions of ours:

- `hold` also from ASSIGNED: a ticket may wait for its caller before anybody starts work;
- `cancel` also from ASSIGNED: a duplicate is often seen right after triage;
- `assign` also from ASSIGNED, IN_PROGRESS and ON_HOLD: a re-assignment, which keeps the state once work has begun.

CLOSED and CANCELLED are final: work after them is a new incident with a link. Only a merger can be taken back:
the incident is then what it was before. A missed target is a flag of the clock and not a state, so an incident that waits and
comes back cannot lose it.
"""

from collections.abc import Mapping
from enum import StrEnum

from services.incident.domain.moves import Move


class Source(StrEnum):
    """How an incident came in."""

    ALERT = "ALERT"
    PORTAL = "PORTAL"
    MAIL = "MAIL"
    API = "API"
    IMPORT = "IMPORT"


class State(StrEnum):
    NEW = "NEW"
    ASSIGNED = "ASSIGNED"
    IN_PROGRESS = "IN_PROGRESS"
    ON_HOLD = "ON_HOLD"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"

    @property
    def is_open(self) -> bool:
        """True while the team still owes something."""
        return self in OPEN

    @property
    def is_final(self) -> bool:
        """True when no verb leads out."""
        return self in (State.CLOSED, State.CANCELLED)


OPEN = frozenset({State.NEW, State.ASSIGNED, State.IN_PROGRESS, State.ON_HOLD})


class HoldReason(StrEnum):
    """Whom or what an incident on hold waits for. Waiting for the caller requires a note to the caller."""

    CALLER = "CALLER"
    VENDOR = "VENDOR"
    CHANGE = "CHANGE"
    PROBLEM = "PROBLEM"
    SCHEDULED = "SCHEDULED"


MOVES: Mapping[str, Move[State]] = {
    "assign": Move(OPEN, State.ASSIGNED, keeps=frozenset({State.ASSIGNED, State.IN_PROGRESS, State.ON_HOLD})),
    "start": Move(frozenset({State.NEW, State.ASSIGNED}), State.IN_PROGRESS),
    "hold": Move(frozenset({State.ASSIGNED, State.IN_PROGRESS}), State.ON_HOLD),
    "resume": Move(frozenset({State.ON_HOLD}), State.IN_PROGRESS),
    "resolve": Move(OPEN, State.RESOLVED),
    "reopen": Move(frozenset({State.RESOLVED}), State.IN_PROGRESS),
    "close": Move(frozenset({State.RESOLVED}), State.CLOSED),
    "cancel": Move(OPEN, State.CANCELLED),
    "merge": Move(OPEN, State.CANCELLED),
}
