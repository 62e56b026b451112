"""Exports of Jira: answers of its search, and lists."""

import json
from pathlib import Path

from tests.unit.cli.importers.conftest import Take


def test_an_issue_comes_with_its_change_log_and_its_comments(take: Take) -> None:
    taken = take("jira", "jira/search.json")
    mild, worst = {"impact": "MEDIUM", "urgency": "MEDIUM"}, {"impact": "HIGH", "urgency": "HIGH"}
    amir = {"assigneeId": "Amir Agent", "actor": "Amir Agent"}
    assert taken.refused == []
    assert taken.incidents["IT-1"] == {
        "externalNumber": "IT-1",
        "title": "VPN drops every hour",
        "description": "Since Monday.\n- office too",
        "requesterId": "Rita Reporter",
        "openTime": "2026-02-02T09:00:00Z",
        "updates": [
            {"time": "2026-02-02T09:00:00Z", "state": "NEW", "category": "Network", **mild},
            {"time": "2026-02-02T09:20:00Z", "state": "IN_PROGRESS", "category": "Network", **mild, **amir},
            {
                "time": "2026-02-02T10:00:00Z",
                "state": "ON_HOLD",
                "holdReason": "CALLER",
                "category": "Network",
                **worst,
                **amir,
            },
            {
                "time": "2026-02-03T08:00:00Z",
                "state": "RESOLVED",
                "resolutionCode": "Done",
                "category": "Network",
                **worst,
                **amir,
            },
        ],
        "notes": [
            {"time": "2026-02-02T09:30:00Z", "text": "Which client?", "authorId": "Amir Agent", "public": True},
            {"time": "2026-02-02T09:40:00Z", "text": "MTU, I guess", "authorId": "Amir Agent"},
        ],
    }


def test_a_state_of_somebodys_own_is_what_its_category_says(take: Take) -> None:
    taken = take("jira", "jira/search.json")
    assert taken.incidents["IT-2"]["updates"][-1]["state"] == "IN_PROGRESS"
    assert "IT-3" not in taken.incidents, "an epic is no incident"
    assert "states" not in taken.unknown


def test_a_map_wins_over_what_is_known_and_over_categories(take: Take, tmp_path: Path) -> None:
    file = tmp_path / "map.yaml"
    file.write_text(
        'states: {"parked with FACILITIES": ON_HOLD VENDOR}\npriorities: {Low: P1}\n'
        "users: {acc-agent: usr-7, rita@example.com: skip}\ntypes: {Epic: take}\n"
    )
    taken = take("jira", "jira/search.json", map_=file)
    assert {name: taken.incidents["IT-2"]["updates"][-1][name] for name in ("state", "holdReason", "impact")} == {
        "state": "ON_HOLD", "holdReason": "VENDOR", "impact": "HIGH",
    }  # fmt: skip
    assert taken.incidents["IT-1"]["updates"][-1]["assigneeId"] == "usr-7"
    assert "requesterId" not in taken.incidents["IT-1"]
    assert "IT-3" in taken.incidents


def test_a_row_of_a_list_has_comments_and_components_in_columns_of_the_same_name(take: Take) -> None:
    taken = take("jira", "jira/list.csv", zone="Europe/Berlin")
    facts = {"impact": "HIGH", "urgency": "MEDIUM", "category": "Access / Gates"}
    ended = {**facts, "assigneeId": "Amir Agent", "resolutionCode": "Fixed"}
    assert taken.refused == []
    assert taken.incidents["IT-7"] == {
        "externalNumber": "IT-7",
        "title": 'Badge reader at gate 2, "offline"',
        "description": "Red light.\n\nNobody gets in.",
        "requesterId": "Rita Reporter",
        "openTime": "2026-01-15T09:23:00Z",
        "updates": [
            {"time": "2026-01-15T09:23:00Z", "state": "NEW", **facts},
            {"time": "2026-01-15T15:45:00Z", "state": "RESOLVED", **ended},
            {"time": "2026-01-16T16:00:00Z", "state": "CLOSED", **ended},
        ],
        "notes": [
            {"time": "2026-01-15T10:00:00Z", "text": "Power supply; ordered one", "authorId": "Amir Agent"},
            {"time": "2026-01-16T08:00:00Z", "text": "Works again", "authorId": "Rita Reporter"},
        ],
    }


def test_columns_of_another_language_are_named_in_the_map(take: Take, tmp_path: Path) -> None:
    (tmp_path / "liste.csv").write_text(
        "Vorgangsschlüssel;Zusammenfassung;Status;Erstellt\nIT-9;Maus tot;Offen;03.02.2026 08:30\n", encoding="utf-8-sig"
    )
    (tmp_path / "map.yaml").write_text(
        "columns: {Vorgangsschlüssel: Issue key, Zusammenfassung: Summary, Erstellt: Created}\n"
        "states: {Offen: NEW}\ndates: ['%d.%m.%Y %H:%M']\nzone: Europe/Berlin\n"
    )
    taken = take("jira", tmp_path / "liste.csv", map_=tmp_path / "map.yaml")
    assert taken.incidents["IT-9"] == {
        "externalNumber": "IT-9",
        "title": "Maus tot",
        "openTime": "2026-02-03T07:30:00Z",
        "updates": [{"time": "2026-02-03T07:30:00Z", "state": "NEW"}],
    }


def test_the_same_issue_on_two_pages_is_taken_once_and_another_one_under_its_key_is_refused(take: Take, tmp_path: Path) -> None:
    issue = {"key": "IT-1", "fields": {"summary": "x", "status": {"name": "Open"}, "created": "2026-02-02T10:00:00Z"}}
    other = {"key": "IT-1", "fields": {**issue["fields"], "summary": "y"}}  # type: ignore[dict-item]
    for page, issues in enumerate(([issue], [issue, other]), start=1):
        (tmp_path / f"page-{page}.json").write_text(json.dumps({"issues": issues}))
    taken = take("jira", tmp_path / "page-1.json", tmp_path / "page-2.json")
    assert taken.incidents["IT-1"]["title"] == "x"
    assert [(file, reason) for file, _, _, reason in taken.refused] == [
        ("page-2.json", "is said otherwise in page-1.json:1, which is taken")
    ]


def test_a_comment_that_is_none_is_told_and_the_issue_of_its_row_is_there(take: Take, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("Issue key,Summary,Status,Created,Comment\nIT-1,x,Open,2026-02-02 10:00,just words\n")
    taken = take("jira", tmp_path / "list.csv")
    assert [(line, field) for _, line, field, _ in taken.refused] == [(2, "Comment")]
    assert list(taken.incidents) == ["IT-1"]
