"""`itsm import` against a small platform over real HTTP: what is sent, what is told, and what a second run does."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.errors import ExitCode
from tests.unit.cli.conftest import Run
from tests.unit.cli.importers.conftest import FIXTURES
from tests.unit.cli.platform import Platform, Request, problem

JIRA = [str(FIXTURES / "jira" / name) for name in ("search.json", "list.csv")]
ITOP = [str(file) for file in sorted((FIXTURES / "itop").iterdir())]
SERVICENOW = [str(file) for file in sorted((FIXTURES / "servicenow").iterdir())]
USERS = [
    {"id": "usr-rita", "username": "rr", "email": "rita@example.com"},
    {"id": "usr-other", "username": "beth.anglin", "email": "another.beth@example.com"},
    {"id": "usr-abel", "username": "abel.tuter", "email": ""},
]


class Assets:
    """The part of the platform that keeps assets and relations; `odd` is what becomes of the asset of a name instead."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}
        self.tables: list[list[dict[str, str]]] = []
        self.related: set[tuple[str, str, str]] = set()
        self.odd: dict[str, tuple[str, str]] = {}
        self.latest: list[dict[str, Any]] = []

    def answer(self, request: Request) -> tuple[int, dict[str, str], Any] | None:
        """The answer, where it is about these."""
        dry = request.query.get("dryRun") == ["true"]
        if request.path == "/api/v1/imports":
            self.latest = self._look(request.body, dry)
            return 201, {}, {"id": "imp_1", "rows": self.latest}
        if request.path == "/api/v1/imports/imp_1:apply":
            return 200, {}, {"id": "imp_1", "rows": [self._placed(row) for row in self.latest]}
        if request.path == "/api/v1/relations:batch":
            return 207, {}, {"results": [self._relate(each["body"], dry) for each in request.body["operations"]]}
        return None

    def _look(self, body: dict[str, Any], dry: bool) -> list[dict[str, Any]]:
        reader = csv.DictReader(io.StringIO(body["text"], newline=""))
        rows, line = [], 2
        self.tables.append([])
        for row in reader:
            self.tables[-1].append({name: cell for name, cell in row.items() if cell})
            known = self.keys.get(row["key"], "")
            outcome, reason = self.odd.get(row["name"], ("UNCHANGED" if known else "CREATE", ""))
            rows.append({"line": line, "outcome": outcome, "reason": reason, "assetId": known, "key": row["key"]})
            line = reader.line_num + 1
        return rows

    def _placed(self, row: dict[str, Any]) -> dict[str, Any]:
        if row["outcome"] == "CREATE":
            self.keys[row["key"]] = f"ast_{len(self.keys) + 1}"
        return {**row, "assetId": self.keys.get(row["key"], "")}

    def _relate(self, body: dict[str, str], dry: bool) -> dict[str, Any]:
        between = (body["providerId"], body["consumerId"], body["kind"])
        if between in self.related:
            return {"status": 409, "problem": {"title": "It is there"}}
        if body["kind"] == "RUNS_ON" and self.odd.get("relations"):
            return {"status": 422, "problem": {"detail": self.odd["relations"][1]}}
        if not dry:
            self.related.add(between)
        return {"status": 201, "body": body}


@pytest.fixture
def assets(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Assets:
    """Adds assets, relations, users and teams to the platform."""
    made, others = Assets(), platform.answer
    platform.kept = {"users": {each["id"]: each for each in USERS}, "teams": {"t": {"id": "team-1", "name": "messaging"}}}
    monkeypatch.setattr(platform, "answer", lambda request: made.answer(request) or others(request))
    return made


def told(ended: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(ended.out)
    return document


def messages(platform: Platform) -> dict[str, dict[str, Any]]:
    """The incidents that were sent, by their numbers there."""
    sent = (request.body["incidents"] for request in platform.requests if request.path.endswith(":import"))
    return {each["externalNumber"]: each for some in sent for each in some}


@pytest.mark.usefixtures("assets")
def test_a_run_tells_what_it_made_and_a_second_one_makes_nothing(run: Run, platform: Platform) -> None:
    first = run("import", "itop", *ITOP)
    assert (first.code, first.err) == (ExitCode.OK, "")
    assert told(first)["counts"] == {
        "people": {"found": 2},
        "assets": {"found": 5, "created": 5},
        "relations": {"found": 4, "created": 4},
        "incidents": {"found": 2, "created": 2},
        "notes": {"found": 4},
    }
    second = run("import", "itop", *ITOP)
    counts = told(second)["counts"]
    assert {kind: counts[kind]["unchanged"] for kind in ("assets", "relations", "incidents")} == {
        "assets": 5, "relations": 4, "incidents": 2,
    }  # fmt: skip
    assert {request.body["source"] for request in platform.requests if request.path.endswith(":import")} == {"itop"}


def test_a_ticket_names_the_asset_that_was_made_of_its_own(run: Run, platform: Platform, assets: Assets) -> None:
    run("import", "itop", *ITOP)
    assert {tuple(update["assetIds"]) for update in messages(platform)["R-000021"]["updates"]} == {(assets.keys["ci/31"],)}


@pytest.mark.usefixtures("assets")
def test_people_and_teams_are_those_of_the_platform_where_it_has_them(run: Run, platform: Platform) -> None:
    run("import", "jira", *JIRA)
    assert messages(platform)["IT-1"]["requesterId"] == "usr-rita", "the same address"
    ended = run("import", "servicenow", *SERVICENOW)
    incident = messages(platform)["INC0070001"]
    assert incident["requesterId"] == "usr-abel", "the same login, and no other address"
    assert incident["updates"][-1]["assigneeId"] == "Beth Anglin", "the same login with another address is somebody else"
    assert incident["updates"][-1]["teamId"] == "team-1"
    assert told(ended)["unknown"]["users"].keys() == {"beth.anglin@example.com", "u0000000000000000000000000000009"}


def test_a_trial_asks_the_platform_and_changes_nothing(run: Run, platform: Platform, assets: Assets) -> None:
    ended = run("import", "itop", *ITOP, "--dry-run")
    document = told(ended)
    assert (ended.code, document["dryRun"]) == (ExitCode.OK, True)
    assert {kind: document["counts"][kind]["created"] for kind in ("assets", "relations")} == {"assets": 5, "relations": 4}
    assert (assets.keys, assets.related) == ({}, set())
    writes = [request for request in platform.requests if request.method != "GET"]
    assert writes and all(request.query.get("dryRun") == ["true"] for request in writes)


def test_a_trial_needs_no_sign_in_and_says_so(run: Run, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ITSM_URL")
    monkeypatch.delenv("ITSM_TOKEN")
    ended = run("import", "jira", *JIRA, "--dry-run")
    assert ended.code == ExitCode.OK
    assert "was not asked" in told(ended)["notices"][0]
    assert platform.requests == []


def test_what_the_platform_refuses_is_told_with_file_and_line(
    run: Run, platform: Platform, assets: Assets, tmp_path: Path
) -> None:
    platform.refuse_numbers = {"R-000021"}
    assets.odd = {
        "vm-32": ("CONFLICT", "fits two"),
        "srv-31": ("ERROR", "class: is no class"),
        "relations": ("", "makes no sense"),
    }
    report = tmp_path / "report.jsonl"
    ended = run("import", "itop", *ITOP, "--report", str(report))
    assert ended.code == ExitCode.ERROR
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    missing = "is in none of the files, or was refused or left out"
    assert [(each["kind"], each["file"], each["line"], each["number"], each["reason"]) for each in lines] == [
        ("asset", "cmdb.xml", 3, "srv-31", "error: class: is no class"),
        ("asset", "cmdb.xml", 4, "vm-32", "conflict: fits two"),
        ("relation", "cmdb.xml", 3, "ci/34 → ci/31", f"ci/31 {missing}"),
        ("relation", "cmdb.xml", 3, "ci/35 → ci/31", f"ci/31 {missing}"),
        ("relation", "cmdb.xml", 4, "ci/31 → ci/32", f"ci/31, ci/32 {missing}"),
        ("relation", "lnkApplicationSolutionToFunctionalCI.csv", 2, "ci/32 → ci/33", f"ci/32 {missing}"),
        ("incident", "tickets.xml", 3, "R-000021", "its history makes no sense"),
    ]
    assert told(ended)["refused"] == len(lines)


def test_a_relation_that_is_refused_keeps_the_others_of_its_batch(run: Run, assets: Assets) -> None:
    assets.odd = {"relations": ("", "makes no sense")}
    document = told(run("import", "itop", *ITOP, "--only", "assets", "--only", "relations"))
    assert document["counts"]["relations"] == {"found": 4, "created": 3, "refused": 1}
    assert [(each["number"], each["reason"]) for each in document["first"]] == [("ci/31 → ci/32", "makes no sense")]


def test_a_cell_with_line_breaks_does_not_shift_the_rows_after_it(run: Run, assets: Assets, tmp_path: Path) -> None:
    computers = [
        {"id": n, "name": f"pc-{n}", "serial": "", "computermodels_id": 0, "comment": "two\nlines"} for n in range(1, 4)
    ]
    (tmp_path / "Computer.json").write_text(json.dumps(computers))
    assets.odd = {"pc-3": ("CONFLICT", "fits two")}
    ended = run("import", "glpi", str(tmp_path / "Computer.json"))
    assert [each["number"] for each in told(ended)["first"]] == ["pc-3"]
    assert assets.keys.keys() == {"Computer/1", "Computer/2"}


@pytest.mark.usefixtures("assets")
def test_an_interrupted_run_goes_on_where_it_ended(
    run: Run, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue: Callable[[int], dict[str, Any]] = lambda n: {  # noqa: E731 - a row of a table
        "key": f"A-{n}", "fields": {"summary": "x", "status": {"name": "Open"}, "created": "2026-02-02T10:00:00Z"}
    }  # fmt: skip
    (tmp_path / "page.json").write_text(json.dumps({"issues": [issue(n) for n in range(120)]}))
    honest, calls = platform.answer, [0]

    def breaking(request: Request) -> tuple[int, dict[str, str], Any]:
        calls[0] += request.path.endswith(":import")
        return problem(500, "Something broke", "") if calls[0] == 2 else honest(request)

    monkeypatch.setattr(platform, "answer", breaking)
    ended = run("import", "jira", str(tmp_path / "page.json"))
    assert ended.code == ExitCode.ERROR
    assert "the same command again goes on from there" in ended.err
    there = len(platform.imported)
    assert there < 120
    monkeypatch.setattr(platform, "answer", honest)
    counts = told(run("import", "jira", str(tmp_path / "page.json")))["counts"]["incidents"]
    assert (counts.get("unchanged", 0), counts["created"]) == (there, 120 - there)


@pytest.mark.usefixtures("assets")
def test_only_what_is_wanted_is_sent(run: Run, platform: Platform) -> None:
    run("import", "itop", *ITOP, "--only", "incidents")
    assert {request.path for request in platform.requests if request.method == "POST"} == {"/api/v1/incidents:import"}


@pytest.mark.usefixtures("assets")
def test_who_may_not_list_people_imports_all_the_same_and_is_told(run: Run, platform: Platform) -> None:
    platform.upcoming.append(problem(403, "This is not allowed", "users.list is needed"))
    document = told(run("import", "jira", *JIRA))
    assert document["notices"] == ["People are not compared with those of the platform beyond 0: users.list is needed"]
    assert document["counts"]["incidents"]["created"] == 3


@pytest.mark.usefixtures("assets")
def test_a_map_that_is_written_is_a_map_that_can_be_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text(
        json.dumps({"issues": [{"key": "A-1", "fields": {"status": {"name": 'Pa"rked'}, "created": "2026-02-02T10:00:00Z"}}]})
    )
    ended = run("import", "jira", str(tmp_path / "page.json"), "--write-map")
    assert ended.code == ExitCode.OK
    written = yaml.safe_load(ended.out)
    assert written["states"]['Pa"rked'] is None, "what is left to say"
    (tmp_path / "map.yaml").write_text(ended.out.replace('"Pa\\"rked":', '"Pa\\"rked": NEW'))
    ended = run("import", "jira", str(tmp_path / "page.json"), "--dry-run", "--map", str(tmp_path / "map.yaml"))
    assert told(ended)["unknown"] == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("states: {Open: Vanished}", "cannot mean 'Vanished'"),
        ("states: {Open: NEW CALLER}", "cannot mean 'NEW CALLER'"),
        ("priorities: {High: P9}", "cannot mean 'P9'"),
        ("relations: {x: USES backwards}", "cannot mean 'USES backwards'"),
        ("colors: {}", "colors, which means nothing"),
        ("states: [Open]", "states should be a table"),
        ("zone: Europe/Atlantis", "there is no zone"),
        ("dates: today", "dates should be a list"),
    ],
)
def test_a_map_that_makes_no_sense_is_refused(run: Run, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "map.yaml").write_text(text)
    ended = run("import", "jira", *JIRA, "--dry-run", "--map", str(tmp_path / "map.yaml"))
    assert ended.code == ExitCode.ERROR
    assert said in ended.err


def test_without_files_there_is_nothing_to_import(run: Run) -> None:
    assert run("import", "jira").code == ExitCode.USAGE


@pytest.mark.usefixtures("assets")
def test_a_terminal_shows_tables_unknown_words_and_what_was_left_out(run: Run, platform: Platform, tmp_path: Path) -> None:
    platform.refuse_numbers = {"IT-7"}
    (tmp_path / "extra.csv").write_text("Issue key,Status,Created\nIT-8,Par\x1b[2Jked,2026-02-02 10:00\n")
    ended = run("import", "jira", *JIRA, str(tmp_path / "extra.csv"), "-o", "table")
    assert "incidents" in ended.out
    assert "list.csv:2" in ended.out
    assert "Not known among the states" in ended.out
    assert "\x1b[2J" not in ended.out
