"""Answers of Zammad, kept as files."""

from pathlib import Path

from tests.unit.cli.importers.conftest import Take

EVERYTHING = [f"zammad/{name}.json" for name in ("tickets", "ticket_articles", "users", "ticket_history", "search")]


def test_a_ticket_is_replayed_and_its_first_article_is_what_it_is_about(take: Take) -> None:
    taken = take("zammad", *EVERYTHING)
    facts = {"impact": "HIGH", "urgency": "MEDIUM", "teamId": "Service Desk"}
    otto = {"actor": "Otto Owner", "assigneeId": "Otto Owner"}
    assert taken.incidents["31011"] == {
        "externalNumber": "31011",
        "title": "Scanner sends empty pages",
        "description": "Every page is white.\n\ntray 1\n\ntray 2",
        "requesterId": "Carla Customer",
        "openTime": "2026-04-01T08:00:00Z",
        "updates": [
            {"time": "2026-04-01T08:00:00Z", "state": "NEW", **facts},
            {"time": "2026-04-01T08:10:00Z", "state": "NEW", **facts, **otto},
            {"time": "2026-04-01T08:20:00Z", "state": "IN_PROGRESS", **facts, **otto},
            {"time": "2026-04-02T09:00:00Z", "state": "ON_HOLD", "holdReason": "SCHEDULED", **facts, **otto},
            {"time": "2026-04-02T15:00:00Z", "state": "CLOSED", **facts, **otto},
        ],
        "notes": [
            {"time": "2026-04-01T08:20:00Z", "text": "Is the lid closed?", "authorId": "Otto Owner", "public": True},
            {"time": "2026-04-02T09:00:00Z", "text": "lamp is dead, order 4711", "authorId": "Otto Owner"},
        ],
    }


def test_nobody_owns_what_the_systems_own_user_owns(take: Take) -> None:
    taken = take("zammad", *EVERYTHING)
    facts = {"impact": "MEDIUM", "urgency": "MEDIUM", "teamId": "Service Desk"}
    assert taken.incidents["31012"] == {
        "externalNumber": "31012",
        "title": "Second screen flickers",
        "description": "It flickers.",
        "requesterId": "Carla Customer",
        "openTime": "2026-04-03T09:00:00Z",
        "updates": [
            {"time": "2026-04-03T09:00:00Z", "state": "NEW", **facts},
            {"time": "2026-04-03T09:30:00Z", "state": "IN_PROGRESS", **facts},
        ],
    }
    assert taken.counts["people"] == {"found": 2}


def test_an_article_of_a_ticket_that_is_in_no_file_is_told_and_so_is_an_unknown_state(take: Take) -> None:
    taken = take("zammad", *EVERYTHING)
    assert taken.refused == [
        ("ticket_articles.json", 7, "", "belongs to the ticket 99, which is in no file (1 in all)"),
        ("search.json", 2, "state", "'waiting for parts' means no state here: say it in the map"),
    ]


def test_the_answer_of_a_search_brings_its_own_lists(take: Take, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text("states: {waiting for parts: ON_HOLD VENDOR}\nteams: {Printers: team-9}\n")
    incident = take("zammad", "zammad/search.json", map_=tmp_path / "map.yaml").incidents["31013"]
    assert incident["updates"][-1] == {
        "time": "2026-04-05T11:00:00Z", "state": "ON_HOLD", "holdReason": "VENDOR", "impact": "MEDIUM", "urgency": "LOW",
        "teamId": "team-9", "assigneeId": "5",
    }  # fmt: skip
