"""Exports of a ServiceNow instance: Table API, lists, XML."""

import json
from pathlib import Path

from tests.unit.cli.importers.conftest import FIXTURES, Take

EVERYTHING = [f"servicenow/{file.name}" for file in sorted((FIXTURES / "servicenow").iterdir())]
UPDATE = {"impact": "MEDIUM", "urgency": "HIGH", "teamId": "Messaging", "category": "software / email"}
ENDED = {
    **UPDATE,
    "assigneeId": "Beth Anglin",
    "resolutionCode": "Solved (Permanently)",
    "resolution": "Disk of the spool was full.",
}


def test_a_ticket_comes_with_its_life_its_people_and_what_was_said(take: Take) -> None:
    taken = take("servicenow", *EVERYTHING)
    assert taken.refused == []
    assert taken.incidents["INC0070001"] == {
        "externalNumber": "INC0070001",
        "title": "Mail queue does not drain",
        "description": "Outgoing mail waits since nine.\nRestart did not help.",
        "requesterId": "Abel Tuter",
        "openTime": "2026-03-02T08:15:00Z",
        "updates": [
            {"time": "2026-03-02T08:15:00Z", "state": "NEW", **UPDATE},
            {"time": "2026-03-02T11:40:00Z", "state": "RESOLVED", **ENDED},
            {"time": "2026-03-09T10:00:00Z", "state": "CLOSED", **ENDED, "reassignmentCount": 1},
        ],
        "notes": [
            {"time": "2026-03-02T08:30:00Z", "text": "We look into it.", "authorId": "Beth Anglin", "public": True},
            {"time": "2026-03-02T09:10:00Z", "text": "df says 100 %", "authorId": "Beth Anglin"},
        ],
        "madeSla": True,
    }


def test_a_formula_stays_a_text_and_an_unknown_person_what_they_are_called(take: Take) -> None:
    taken = take("servicenow", *EVERYTHING)
    assert taken.incidents["INC0070002"] == {
        "externalNumber": "INC0070002",
        "title": '=HYPERLINK("http://example.com") in the subject',
        "requesterId": "u0000000000000000000000000000009",
        "openTime": "2026-03-03T07:00:00Z",
        "updates": [
            {"time": "2026-03-03T07:00:00Z", "state": "NEW", "impact": "LOW", "urgency": "LOW"},
            {"time": "2026-03-03T09:30:00Z", "state": "ON_HOLD", "holdReason": "VENDOR", "impact": "LOW", "urgency": "LOW"},
        ],
    }
    assert taken.unknown["users"].keys() == {
        "abel.tuter@example.com",
        "beth.anglin@example.com",
        "u0000000000000000000000000000009",
    }


def test_a_list_in_the_encoding_of_a_desktop_has_its_journal_in_a_cell(take: Take) -> None:
    incident = take("servicenow", "servicenow/incident_list.csv", zone="Europe/Zurich").incidents["INC0070003"]
    assert incident["title"] == 'Drucker im Büro, 2. Stock \N{EN DASH} "klemmt"'
    assert incident["openTime"] == "2026-03-04T09:00:00Z"
    assert [(note["time"], note["text"], note.get("public", False)) for note in incident["notes"]] == [
        ("2026-03-04T09:30:00Z", "Fach 2", False),
        ("2026-03-04T10:00:00Z", "Bitte Papier prüfen.", True),
    ]
    assert incident["updates"][-1] == {
        "time": "2026-03-04T11:00:00Z", "state": "IN_PROGRESS", "impact": "MEDIUM", "urgency": "LOW",
        "teamId": "Messaging", "assigneeId": "Beth Anglin", "category": "Hardware",
    }  # fmt: skip


def test_assets_and_their_relations_come_from_xml(take: Take) -> None:
    taken = take("servicenow", "servicenow/cmdb.xml")
    server, service = "c0000000000000000000000000000001", "c0000000000000000000000000000002"
    assert taken.assets == {
        server: {
            "key": server, "name": "mail-01", "class": "server", "state": "IN_USE", "location": "Basel, Room 2",
            "identifiers.SERIAL": "SN-00123", "identifiers.ASSET_TAG": "P1000479", "attributes.vendor": "Example Computers",
            "attributes.model": "PowerBox 740", "attributes.os": "Linux Red Hat", "attributes.osVersion": "9.3",
            "attributes.cpuCount": "8", "attributes.memoryBytes": str(16 << 30), "attributes.diskBytes": str(500 << 30),
        },
        service: {"key": service, "name": "Mail", "class": "business_service", "criticality": "CRITICAL"},
    }  # fmt: skip
    assert taken.relations == [(server, service, "USES", "")]


def test_a_history_of_audit_rows_is_replayed(take: Take, tmp_path: Path) -> None:
    ticket = {
        "sys_id": "t1",
        "number": "INC1",
        "short_description": "x",
        "caller_id": "",
        "state": "2",
        "opened_at": "2026-03-01 08:00:00",
    }
    rows = [
        {"sys_id": "a1", "fieldname": "state", "oldvalue": "1", "newvalue": "2", "sys_created_on": "2026-03-01 09:00:00"},
        {
            "sys_id": "a2",
            "fieldname": "assigned_to",
            "oldvalue": "",
            "newvalue": "bow",
            "sys_created_on": "2026-03-01 09:00:00",
        },
        {
            "sys_id": "a3",
            "fieldname": "assigned_to",
            "oldvalue": "bow",
            "newvalue": "cal",
            "sys_created_on": "2026-03-01 10:00:00",
        },
        {"sys_id": "a4", "fieldname": "made_up", "oldvalue": "", "newvalue": "1", "sys_created_on": "never"},
    ]
    (tmp_path / "incident.json").write_text(json.dumps({"result": [{**ticket, "assigned_to": "cal"}]}))
    audit = [{"tablename": "incident", "documentkey": "t1", "user": "bow", **row} for row in rows]
    (tmp_path / "sys_audit.json").write_text(json.dumps({"result": audit}))
    taken = take("servicenow", tmp_path / "sys_audit.json", tmp_path / "incident.json")
    assert taken.refused == []
    told = ("time", "state", "assigneeId", "actor", "reassignmentCount")
    assert [tuple(update.get(name) for name in told) for update in taken.incidents["INC1"]["updates"]] == [
        ("2026-03-01T08:00:00Z", "NEW", None, None, None),
        ("2026-03-01T09:00:00Z", "IN_PROGRESS", "bow", "bow", None),
        ("2026-03-01T10:00:00Z", "IN_PROGRESS", "cal", "bow", 1),
    ]


def test_all_three_ways_to_ask_for_fields_are_understood(take: Take, tmp_path: Path) -> None:
    plain = {
        "number": "INC2",
        "short_description": "x",
        "caller_id": "Abel Tuter",
        "state": "On Hold",
        "priority": "1 - Critical",
        "hold_reason": "Awaiting Problem",
        "opened_at": "2026-03-01 08:00:00",
    }
    both = {name: {"display_value": value, "value": value} for name, value in plain.items()}
    (tmp_path / "incident.json").write_text(
        json.dumps({"result": [plain, {**both, "number": {"display_value": "INC3", "value": "INC3"}}]})
    )
    taken = take("servicenow", tmp_path / "incident.json")
    second = {**taken.incidents["INC3"], "externalNumber": "INC2"}
    assert taken.incidents["INC2"] == second
    assert second["updates"][-1] | {"time": ""} == {
        "time": "", "state": "ON_HOLD", "holdReason": "PROBLEM", "impact": "HIGH", "urgency": "HIGH",
    }  # fmt: skip


def test_records_that_cannot_be_used_are_told_with_their_field(take: Take, tmp_path: Path) -> None:
    good = {"short_description": "x", "caller_id": "", "state": "1", "opened_at": "2026-03-01 08:00:00"}
    records = [
        {**good, "number": ""},
        {**good, "number": "A", "opened_at": "01/02/03"},
        {**good, "number": "B", "state": "Vanished"},
        {**good, "number": "C", "opened_at": "2999-01-01 00:00:00"},
        {**good, "number": "D", "reopen_count": "1e309"},
        {**good, "number": "E"},
    ]
    file = tmp_path / "incident.json"
    file.write_text('{"result": [\n' + ",\n".join(json.dumps(each) for each in records) + "\n]}")
    taken = take("servicenow", file)
    assert list(taken.incidents) == ["E"]
    assert [(line, field) for _, line, field, _ in taken.refused] == [
        (2, "number"), (3, "opened_at"), (6, "reopen_count"), (4, "state"), (5, "updated"),
    ]  # fmt: skip
    assert taken.unknown["states"] == {"Vanished": 1}
