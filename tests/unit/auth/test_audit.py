"""What the audit log makes of what it is told: everything is kept, odd things are marked."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.auth.domain.audit import entry
from tests.unit.auth.test_credential import NOON

TOLD: dict[str, Any] = {
    "id": "0193",
    "type": "itsm.incident.v1.IncidentResolved",
    "tenant": "main",
    "subject": "incidents/inc_1",
    "version": 4,
    "time": "2026-11-22T10:00:00.123Z",
    "actor": {"id": "u-1", "kind": "user"},
    "act": "",
    "correlationId": "c-1",
    "causationId": "",
    "diff": [{"field": "state", "old": "IN_PROGRESS", "new": "RESOLVED"}, {"field": "description", "personal": True}],
}


def test_an_entry_says_who_did_what_to_which_record_before_and_after() -> None:
    kept = entry(TOLD, received=NOON)
    assert (kept["actor"], kept["actor_kind"], kept["action"]) == ("u-1", "user", "itsm.incident.v1.IncidentResolved")
    assert (kept["subject"], kept["version"], kept["correlation_id"]) == ("incidents/inc_1", 4, "c-1")
    assert kept["time"] == datetime(2026, 11, 22, 10, 0, 0, 123000, tzinfo=UTC)
    assert kept["changes"] == [
        {"field": "state", "old": "IN_PROGRESS", "new": "RESOLVED"},
        {"field": "description", "old": None, "new": None},
    ]
    assert not kept["malformed"]


@pytest.mark.parametrize(
    "change",
    [
        {"actor": None},
        {"actor": "u-1"},
        {"actor": ["u-1"]},
        {"actor": {"id": ["u-1"]}},
        {"type": 5},
        {"type": ""},
        {"subject": {"id": "x"}},
        {"version": "4"},
        {"version": True},
        {"time": None},
        {"time": "yesterday"},
        {"diff": "all"},
    ],
    ids=str,
)
def test_an_odd_entry_is_kept_and_marked(change: dict[str, Any]) -> None:
    kept = entry(TOLD | change, received=NOON)
    assert kept["malformed"]
    assert isinstance(kept["actor"], str)
    assert isinstance(kept["changes"], list)


def test_an_empty_entry_is_kept_too() -> None:
    kept = entry({}, received=NOON)
    assert kept["malformed"]
    assert kept["time"] == NOON
