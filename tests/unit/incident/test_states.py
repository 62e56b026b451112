"""The table of an incident's moves."""

import pytest

from chassis.errors import ForbiddenMove
from services.incident.domain.moves import moved
from services.incident.domain.states import MOVES, OPEN, State

ALLOWED = {
    ("NEW", "assign"): "ASSIGNED",
    ("ASSIGNED", "assign"): "ASSIGNED",
    ("IN_PROGRESS", "assign"): "IN_PROGRESS",
    ("ON_HOLD", "assign"): "ON_HOLD",
    ("NEW", "start"): "IN_PROGRESS",
    ("ASSIGNED", "start"): "IN_PROGRESS",
    ("ASSIGNED", "hold"): "ON_HOLD",
    ("IN_PROGRESS", "hold"): "ON_HOLD",
    ("ON_HOLD", "resume"): "IN_PROGRESS",
    ("NEW", "resolve"): "RESOLVED",
    ("ASSIGNED", "resolve"): "RESOLVED",
    ("IN_PROGRESS", "resolve"): "RESOLVED",
    ("ON_HOLD", "resolve"): "RESOLVED",
    ("RESOLVED", "reopen"): "IN_PROGRESS",
    ("RESOLVED", "close"): "CLOSED",
    ("NEW", "cancel"): "CANCELLED",
    ("ASSIGNED", "cancel"): "CANCELLED",
    ("IN_PROGRESS", "cancel"): "CANCELLED",
    ("ON_HOLD", "cancel"): "CANCELLED",
    ("NEW", "merge"): "CANCELLED",
    ("ASSIGNED", "merge"): "CANCELLED",
    ("IN_PROGRESS", "merge"): "CANCELLED",
    ("ON_HOLD", "merge"): "CANCELLED",
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("verb", MOVES)
def test_a_verb_leads_where_the_table_says_and_is_refused_elsewhere(state: State, verb: str):
    if (state, verb) in ALLOWED:
        assert moved(MOVES, state, verb) == ALLOWED[state, verb]
    else:
        with pytest.raises(ForbiddenMove) as refusal:
            moved(MOVES, state, verb)
        assert refusal.value.facts == {"state": state, "verb": verb}


def test_final_states_have_no_way_out_and_resolved_is_neither_open_nor_final():
    assert {state for state in State if state.is_final} == {
        state for state in State if not any(state in move.sources for move in MOVES.values())
    }
    assert not State.RESOLVED.is_open
    assert not State.RESOLVED.is_final
    assert all(state.is_open for state in OPEN)
