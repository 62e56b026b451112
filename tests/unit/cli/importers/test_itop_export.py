"""Exports of iTop, and answers of its REST interface."""

from tests.unit.cli.importers.conftest import FIXTURES, Take

EVERYTHING = [f"itop/{file.name}" for file in sorted((FIXTURES / "itop").iterdir())]


def test_a_request_comes_with_both_of_its_logs(take: Take) -> None:
    taken = take("itop", *EVERYTHING, zone="Europe/Paris")
    facts = {"impact": "MEDIUM", "urgency": "MEDIUM", "teamId": "Hardware support", "category": "Housing / Power and cooling"}
    worked = {**facts, "assigneeId": "Jules Verne"}
    assert taken.refused == []
    assert taken.incidents["R-000021"] == {
        "externalNumber": "R-000021",
        "title": "Fan noise in rack 4",
        "description": "Loud since noon",
        "requesterId": "Claude Monet",
        "openTime": "2026-05-04T10:10:00Z",
        "updates": [
            {"time": "2026-05-04T10:10:00Z", "state": "NEW", **facts},
            {"time": "2026-05-04T10:30:00Z", "state": "ASSIGNED", **worked},
            {
                "time": "2026-05-06T07:00:00Z", "state": "RESOLVED", **worked,
                "resolutionCode": "hardware repair", "resolution": "Fan tray replaced",
            },
        ],
        "notes": [
            {"time": "2026-05-04T10:40:00Z", "text": "It is the upper one.", "authorId": "Claude Monet", "public": True},
            {"time": "2026-05-04T11:00:00Z", "text": "tray model FT-40", "authorId": "Jules Verne"},
            {"time": "2026-05-05T06:00:00Z", "text": "The part has been ordered.", "authorId": "Jules Verne", "public": True},
        ],
    }  # fmt: skip


def test_an_object_of_the_interface_is_what_its_class_says(take: Take) -> None:
    incident = take("itop", "itop/core_get.json").incidents["I-000022"]
    facts = {"impact": "HIGH", "urgency": "HIGH", "teamId": "Hardware support"}
    assert incident == {
        "externalNumber": "I-000022",
        "title": "Site down",
        "requesterId": "Claude Monet",
        "openTime": "2026-05-07T06:00:00Z",
        "updates": [
            {"time": "2026-05-07T06:00:00Z", "state": "NEW", **facts},
            {"time": "2026-05-07T06:30:00Z", "state": "ON_HOLD", "holdReason": "CALLER", **facts},
        ],
        "notes": [{"time": "2026-05-07T06:20:00Z", "text": "Carrier informed", "authorId": "Jules Verne", "public": True}],
    }


def test_foreign_keys_and_links_are_relations(take: Take) -> None:
    taken = take("itop", *EVERYTHING)
    assert taken.relations == [
        ("ci/34", "ci/31", "USES", "power"),
        ("ci/35", "ci/31", "USES", "power"),
        ("ci/31", "ci/32", "RUNS_ON", ""),
        ("ci/32", "ci/33", "USES", ""),
    ]
    assert {key: (cells["class"], cells.get("state")) for key, cells in taken.assets.items()} == {
        "ci/31": ("server", "IN_USE"),
        "ci/32": ("virtual_machine", "IN_STOCK"),
        "ci/33": ("business_service", "IN_USE"),
        "ci/34": ("hardware", None),
        "ci/35": ("hardware", None),
    }
    assert taken.assets["ci/31"] == {
        "key": "ci/31", "name": "srv-31", "class": "server", "state": "IN_USE", "criticality": "HIGH", "location": "Grenoble",
        "identifiers.SERIAL": "S-31", "identifiers.ASSET_TAG": "A-31", "identifiers.IP": "192.0.2.31",
        "attributes.vendor": "Example Computers", "attributes.model": "PowerBox 740", "attributes.os": "Linux",
        "attributes.osVersion": "9", "attributes.cpuCount": "16", "attributes.memoryBytes": str(64 << 30),
    }  # fmt: skip


def test_a_service_that_nobody_has_said_the_meaning_of_is_told_by_its_name(take: Take) -> None:
    assert take("itop", *EVERYTHING).unknown["services"] == {"Housing": 3}
