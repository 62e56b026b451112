"""The states of a change and the tables of its moves, one for each kind: what is not in the table is refused.

The tables are those of ServiceNow as `new, assess, authorize, scheduled, implement, review, closed`: a standard change skips
assess and authorize, an emergency skips assess. Added, because daily work needs it:

- `replan` leads from SCHEDULED too: a material edit, a rejection or a window that passed takes an approved change back to
  where it is planned, ASSESS for a normal change and NEW for the others;
- `expedite`: an emergency that was approved by word of mouth is scheduled at once, and confirmed afterwards.

Left out: `cancel` does not lead out of IMPLEMENT. What was begun has an outcome, of which templates, confirmations and the risk
of the next changes hear.

CLOSED and CANCELLED are final: work after them is a new change with a link.
"""

from collections.abc import Mapping
from enum import StrEnum

from services.incident.domain.moves import Move


class ChangeKind(StrEnum):
    """Which way a change takes."""

    STANDARD = "STANDARD"
    NORMAL = "NORMAL"
    EMERGENCY = "EMERGENCY"


class ChangeState(StrEnum):
    """Where a change stands."""

    NEW = "NEW"
    ASSESS = "ASSESS"
    AUTHORIZE = "AUTHORIZE"
    SCHEDULED = "SCHEDULED"
    IMPLEMENT = "IMPLEMENT"
    REVIEW = "REVIEW"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"

    @property
    def is_planning(self) -> bool:
        """Whether it is still being planned, so that nobody relies on what it says."""
        return self in (ChangeState.NEW, ChangeState.ASSESS)

    @property
    def is_final(self) -> bool:
        """Whether no verb leads out."""
        return self in (ChangeState.CLOSED, ChangeState.CANCELLED)


class Outcome(StrEnum):
    """How making a change ended."""

    SUCCESSFUL = "SUCCESSFUL"
    SUCCESSFUL_WITH_ISSUES = "SUCCESSFUL_WITH_ISSUES"
    BACKED_OUT = "BACKED_OUT"
    FAILED = "FAILED"

    @property
    def is_good(self) -> bool:
        """Whether what was to be altered is altered."""
        return self in (Outcome.SUCCESSFUL, Outcome.SUCCESSFUL_WITH_ISSUES)


class ApprovalStanding(StrEnum):
    """Where the approval of a record stands."""

    NOT_ASKED = "NOT_ASKED"
    WAITING = "WAITING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    VOID = "VOID"
    EXPIRED = "EXPIRED"


_NEW, _ASSESS, _AUTHORIZE = ChangeState.NEW, ChangeState.ASSESS, ChangeState.AUTHORIZE
_SCHEDULED, _IMPLEMENT, _REVIEW = ChangeState.SCHEDULED, ChangeState.IMPLEMENT, ChangeState.REVIEW

Table = Mapping[str, Move[ChangeState]]


def _move(target: ChangeState, *sources: ChangeState) -> Move[ChangeState]:
    return Move(frozenset(sources), target)


_MAKING: Table = {
    "start": _move(_IMPLEMENT, _SCHEDULED),
    "finish": _move(_REVIEW, _IMPLEMENT),
    "close": _move(ChangeState.CLOSED, _REVIEW),
}

MOVES: Mapping[ChangeKind, Table] = {
    ChangeKind.STANDARD: {
        **_MAKING,
        "schedule": _move(_SCHEDULED, _NEW),
        "replan": _move(_NEW, _SCHEDULED),
        "cancel": _move(ChangeState.CANCELLED, _NEW, _SCHEDULED),
    },
    ChangeKind.NORMAL: {
        **_MAKING,
        "assess": _move(_ASSESS, _NEW),
        "submit": _move(_AUTHORIZE, _ASSESS),
        "schedule": _move(_SCHEDULED, _AUTHORIZE),
        "replan": _move(_ASSESS, _AUTHORIZE, _SCHEDULED),
        "revise": _move(_NEW, _ASSESS, _AUTHORIZE),
        "cancel": _move(ChangeState.CANCELLED, _NEW, _ASSESS, _AUTHORIZE, _SCHEDULED),
    },
    ChangeKind.EMERGENCY: {
        **_MAKING,
        "submit": _move(_AUTHORIZE, _NEW),
        "schedule": _move(_SCHEDULED, _AUTHORIZE),
        "expedite": _move(_SCHEDULED, _NEW, _AUTHORIZE),
        "replan": _move(_NEW, _AUTHORIZE, _SCHEDULED),
        "revise": _move(_NEW, _AUTHORIZE),
        "cancel": _move(ChangeState.CANCELLED, _NEW, _AUTHORIZE, _SCHEDULED),
    },
}

VERBS = frozenset(verb for table in MOVES.values() for verb in table)
