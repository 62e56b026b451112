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
    "diff": [{"field": "hold_reason", "old": "VENDOR", "new": ""}, {"field": "description", "personal": True}],
}


def test_an_entry_says_who_did_what_to_which_record_before_and_after() -> None:
    kept = entry(TOLD, received=NOON)
    assert (kept["actor"], kept["actor_kind"], kept["action"]) == ("u-1", "user", "itsm.incident.v1.IncidentResolved")
    assert (kept["subject"], kept["version"], kept["correlation_id"]) == ("incidents/inc_1", 4, "c-1")
    assert kept["time"] == datetime(2026, 11, 22, 10, 0, 0, 123000, tzinfo=UTC)
    assert kept["changes"] == [
        {"field": "holdReason", "old": "VENDOR", "new": ""},
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


def test_a_create_says_what_every_field_became() -> None:
    incident = {"id": "inc_1", "title": "Mail is down", "state": "NEW", "assetIds": [], "etag": "1", "reopenCount": 0}
    kept = entry(TOLD | {"version": 1, "diff": [], "data": {"incident": incident}}, received=NOON)
    assert kept["changes"] == [
        {"field": "title", "old": None, "new": "Mail is down"},
        {"field": "state", "old": None, "new": "NEW"},
        {"field": "reopenCount", "old": None, "new": 0},
    ]


@pytest.mark.parametrize("data", [None, [], "x", {"incident": "x"}, {"other": {"id": "inc_2"}}])
def test_data_of_another_shape_or_record_is_no_change(data: Any) -> None:
    assert entry(TOLD | {"diff": [], "data": data}, received=NOON)["changes"] == []
