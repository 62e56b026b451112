"""The life of an asset as a table: what is not in it is refused.

It is ordered, received, put in stock, used, repaired and back. Whatever is lost may be found again. Nothing that somebody
still has is retired, and only a retired one is disposed of, with a proof that its data is gone; after that there is nothing.
One that turned out to be another is MERGED: no move leads there or away.
"""

from enum import StrEnum

from chassis.errors import ForbiddenMove, Invalid


class State(StrEnum):
    """Where an asset is in its life."""

    PLANNED = "PLANNED"
    ORDERED = "ORDERED"
    RECEIVED = "RECEIVED"
    IN_STOCK = "IN_STOCK"
    IN_USE = "IN_USE"
    IN_REPAIR = "IN_REPAIR"
    LOST = "LOST"
    RETIRED = "RETIRED"
    DISPOSED = "DISPOSED"
    MERGED = "MERGED"


OVER = frozenset({State.DISPOSED, State.MERGED})
"""States in which nothing about an asset changes any more."""


_LIVING = frozenset({State.IN_STOCK, State.IN_USE, State.IN_REPAIR})

TARGETS: dict[State, frozenset[State]] = {
    # What is not bought, as a virtual machine, is used without being ordered.
    State.PLANNED: frozenset({State.ORDERED, State.IN_USE, State.RETIRED}),
    State.ORDERED: frozenset({State.RECEIVED, State.LOST, State.RETIRED}),
    State.RECEIVED: frozenset({State.IN_STOCK, State.IN_USE, State.LOST}),
    State.IN_STOCK: frozenset({State.IN_USE, State.IN_REPAIR, State.LOST, State.RETIRED}),
    State.IN_USE: frozenset({State.IN_STOCK, State.IN_REPAIR, State.LOST, State.RETIRED}),
    State.IN_REPAIR: frozenset({State.IN_STOCK, State.IN_USE, State.LOST, State.RETIRED}),
    State.LOST: _LIVING | {State.RETIRED},
    State.RETIRED: frozenset({State.IN_STOCK, State.LOST, State.DISPOSED}),
    State.DISPOSED: frozenset(),
    State.MERGED: frozenset(),
}


def check_move(state: State, target: State, *, owner_id: str, proof: str) -> None:
    """Raises `ForbiddenMove` for a move that the table does not know or that a guard forbids, `Invalid` without a proof."""
    if target not in TARGETS[state]:
        raise ForbiddenMove(state, "move", f"from {state} it goes to {_or(TARGETS[state])}, not to {target}")
    if target is State.RETIRED and owner_id:
        raise ForbiddenMove(state, "move", "somebody still has it: empty ownerId before it is retired")
    if target is State.DISPOSED and not proof.strip():
        raise Invalid({"proof": "say what proves that its data is gone"})


def _or(targets: frozenset[State]) -> str:
    return " or ".join(target for target in State if target in targets) or "nothing any more"
