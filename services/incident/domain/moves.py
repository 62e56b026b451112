"""Tables of moves, as data: from where a verb may be used and where it leads. What is not in a table is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from chassis.errors import ForbiddenMove

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Move(Generic[S]):
    """From where a verb may be used and where it leads; from a state in `keeps` it leads nowhere and is still allowed."""

    sources: frozenset[S]
    target: S
    keeps: frozenset[S] = frozenset()

    def leads(self, state: S) -> S:
        """The state after it, from one of its sources."""
        return state if state in self.keeps else self.target


def moved(moves: Mapping[str, Move[S]], state: S, verb: str) -> S:
    """The state after the verb. Raises `ForbiddenMove` when the table does not know the pair, `KeyError` for no such verb."""
    move = moves[verb]
    if state not in move.sources:
        raise ForbiddenMove(state, verb)
    return move.leads(state)
