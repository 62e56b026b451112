"""Exports of five systems go in through the command line: a trial changes nothing, the run makes all, a second one nothing.

The files are those of the unit tests, made up in the published formats; each run gives their records keys of its own.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.gateway import Gateway

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "importers"

RENAMED: Mapping[str, tuple[str, ...]] = {
    "servicenow": ("INC0070", "a1b2c3d4e5f60718293a4b5c6d7e8f9", "c000000000000000000000000000000", "SN-00123", "P1000479"),
    "jira": ("IT-",),
    "zammad": ("310",),
    "glpi": ('"id": 41', '"tickets_id": 41', '"items_id": 41', '"id": 43', '"tickets_id": 43', '"1 044"', "00123", "INV-0005",
             "4c4c4544-0043-4810-8058-b4c04f4a3732"),
    "itop": ("R-0000", "I-0000", "S-31", "A-31", 'id="3', "_id>3", ",33,", ",32,", ",31,"),
}  # fmt: skip
"""What makes the records of a system others, so that a stack that has seen this test before sees new ones."""


@dataclass(frozen=True)
class Told:
    """One run of `itsm import`."""

    code: int
    document: dict[str, Any]
    report: list[dict[str, Any]]
    err: str


@dataclass(frozen=True)
class System:
    """What became of one system's export: a trial, what was there after it, a run, and the same run again."""

    trial: Told
    after_trial: int
    first: Told
    second: Told
    incidents: dict[str, dict[str, Any]]
    etags: dict[str, str]


def renamed(system: str, mark: int, folder: Path) -> list[Path]:
    """The files with keys of this run's own."""
    files = []
    for file in sorted((FIXTURES / system).iterdir()):
        content = file.read_bytes()
        for word in RENAMED[system]:
            content = content.replace(word.encode(), _marked(system, word, mark).encode())
        (folder / file.name).write_bytes(content)
        files.append(folder / file.name)
    return files


def _marked(system: str, word: str, mark: int) -> str:
    if system == "glpi" and ("id" in word or word == '"1 044"'):
        return word.replace("4", f"{mark}4", 1) if "id" in word else f'"{mark}1 044"'
    if system == "itop" and word[0] in "i_,":
        return word.replace("3", f"{mark}3", 1)
    if word.startswith("4c4c"):
        return f"{mark:08x}{word[8:]}"
    return word.replace("0000000", f"{mark:07}", 1) if word.startswith("c0") else f"{word[:3]}{mark}{word[3:]}"


async def itsm_import(stack: dict[str, Any], folder: Path, system: str, files: list[Path], *options: str) -> Told:
    """Runs the command as an administrator, in a pipe."""
    about = {"ITSM_URL": stack["gateway"], "ITSM_TOKEN": stack["users"]["admin"]["token"], "ITSM_CONFIG_DIR": str(folder)}
    report = folder / "report.jsonl"
    words = ["import", system, *map(str, files), "--report", str(report), *options]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", *words, cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **about},
    )  # fmt: skip
    async with asyncio.timeout(180):
        out, err = await process.communicate()
    assert out, err.decode()
    refused = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    return Told(process.returncode or 0, json.loads(out), refused, err.decode())


async def there(keeper: Gateway, mark: int, system: str) -> dict[str, dict[str, Any]]:
    """The incidents of this run by their numbers in the other system."""
    found = keeper.pages("incidents", "incidents", filter="source = IMPORT")
    return {each["externalNumber"]: each async for each in found if str(mark) in each["externalNumber"]}


@pytest.fixture(scope="module")
async def taken(
    stack: dict[str, Any], keeper: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, System]]:
    """All five systems, one beside the other."""
    people = {user["username"]: user["id"] for user in (await keeper.get("users", pageSize=200))["users"]}

    async def one(system: str) -> System:
        mark = uuid4().int % 1_000_000 + 9_000_000  # begins as no key of the files does
        folder = tmp_path_factory.mktemp(system)
        files = renamed(system, mark, folder)
        (folder / "map.yaml").write_text(
            f"states: {{waiting for parts: ON_HOLD VENDOR}}\nusers: {{acc-agent: {people['agent']}, tech: {people['agent']}}}\n"
        )
        words = ("--map", str(folder / "map.yaml"))
        trial = await itsm_import(stack, folder, system, files, "--dry-run", *words)
        after_trial = len(await there(keeper, mark, system))
        first = await itsm_import(stack, folder, system, files, *words)
        before = await there(keeper, mark, system)
        second = await itsm_import(stack, folder, system, files, *words)
        after = await there(keeper, mark, system)
        etags = {number: f"{before[number]['etag']} {each['etag']}" for number, each in after.items()}
        return System(trial, after_trial, first, second, {_short(n, mark): each for n, each in after.items()}, etags)

    found = await asyncio.gather(*(one(system) for system in RENAMED))
    yield dict(zip(RENAMED, found, strict=True))


def _short(number: str, mark: int) -> str:
    return number.replace(str(mark), "")


MADE = {
    "servicenow": {"assets": 2, "relations": 1, "incidents": 3},
    "jira": {"incidents": 3},
    "zammad": {"incidents": 3},
    "glpi": {"assets": 2, "relations": 1, "incidents": 3},
    "itop": {"assets": 5, "relations": 4, "incidents": 2},
}


@pytest.mark.parametrize("system", MADE)
def test_a_trial_gives_the_verdicts_of_the_run_and_leaves_nothing_behind(taken: dict[str, System], system: str) -> None:
    told = taken[system]
    trial, first = (
        {kind: counts["created"] for kind, counts in each.document["counts"].items() if "created" in counts}
        for each in (told.trial, told.first)
    )
    assert (trial, first) == (MADE[system], MADE[system]), told.first.report
    assert told.after_trial == 0
    assert told.trial.report == told.first.report
    assert told.trial.code == told.first.code


@pytest.mark.parametrize("system", MADE)
def test_a_second_run_changes_nothing(taken: dict[str, System], system: str) -> None:
    told = taken[system]
    counts = told.second.document["counts"]
    assert {kind: counts[kind]["unchanged"] for kind in MADE[system]} == MADE[system]
    assert not any("created" in each or "updated" in each for each in counts.values())
    assert len(told.etags) == MADE[system]["incidents"]
    assert all(len(set(both.split())) == 1 for both in told.etags.values())


async def test_a_ticket_has_its_life_its_talk_and_its_asset(taken: dict[str, System], keeper: Gateway) -> None:
    incident = taken["servicenow"].incidents["INC0070001"]
    facts = tuple(incident[name] for name in ("state", "priority", "resolutionCode", "importedMadeSla"))
    assert facts == ("CLOSED", "P2", "Solved (Permanently)", True)
    assert incident["resolution"] == "Disk of the spool was full."
    assert (incident["createTime"], incident["resolveTime"]) == ("2026-03-02T08:15:00Z", "2026-03-02T11:40:00Z")
    notes = (await keeper.get(f"incidents/{incident['id']}/notes"))["notes"]
    assert sorted((note["createTime"], note["text"], note["public"], note["authorId"]) for note in notes) == [
        ("2026-03-02T08:30:00Z", "We look into it.", True, "Beth Anglin"),
        ("2026-03-02T09:10:00Z", "df says 100 %", False, "Beth Anglin"),
    ]
    (asset_id,) = incident["assetIds"]
    asset = await keeper.get(f"assets/{asset_id}")
    assert (asset["name"], asset["class"], asset["attributes"]["memoryBytes"]) == ("mail-01", "server", 16 << 30)
    impact = await keeper.get(f"assets/{asset_id}:impact")
    assert [hit["name"] for hit in impact["hits"]] == ["mail-01", "Mail"]
    entries = (await keeper.get(f"incidents/{incident['id']}/timeline"))["entries"]
    assert {entry["type"].rpartition(".")[2] for entry in entries} == {"IncidentImported", "NoteImported"}


async def test_each_system_ends_where_its_export_leaves_it(taken: dict[str, System], keeper: Gateway) -> None:
    states = {system: {number: each["state"] for number, each in told.incidents.items()} for system, told in taken.items()}
    assert states == {
        "servicenow": {"INC0070001": "CLOSED", "INC0070002": "ON_HOLD", "INC0070003": "IN_PROGRESS"},
        "jira": {"IT-1": "RESOLVED", "IT-2": "IN_PROGRESS", "IT-7": "CLOSED"},
        "zammad": {"31011": "CLOSED", "31012": "IN_PROGRESS", "31013": "ON_HOLD"},
        "glpi": {"41": "CLOSED", "43": "ON_HOLD", "1044": "ASSIGNED"},
        "itop": {"R-000021": "RESOLVED", "I-000022": "ON_HOLD"},
    }
    titles = {told.incidents[number]["title"] for told, number in ((taken["servicenow"], "INC0070002"), (taken["glpi"], "41"))}
    assert titles == {'=HYPERLINK("http://example.com") in the subject', "Ordinateur lent & bruyant"}


async def test_people_are_those_of_the_map_and_the_rest_are_called_as_they_were(
    taken: dict[str, System], keeper: Gateway
) -> None:
    users = {user["id"]: user["username"] for user in (await keeper.get("users", pageSize=200))["users"]}
    assert users[taken["jira"].incidents["IT-1"]["assigneeId"]] == "agent"
    assert users[taken["glpi"].incidents["41"]["assigneeId"]] == "agent"
    assert taken["zammad"].incidents["31011"]["requesterId"] == "Carla Customer"
    assert "Rita Reporter" in json.dumps(taken["jira"].incidents) and "users" in taken["jira"].first.document["unknown"]


def test_what_is_left_out_is_told_with_its_place(taken: dict[str, System]) -> None:
    (refusal,) = taken["zammad"].first.report
    assert refusal | {"reason": ""} == {
        "file": "ticket_articles.json", "line": 7, "kind": "note", "number": "", "field": "", "reason": "",
    }  # fmt: skip
    assert {system: told.first.code for system, told in taken.items()} == {**dict.fromkeys(taken, 0), "zammad": 1}


async def test_who_may_not_import_is_refused_and_nothing_is_there(
    stack: dict[str, Any], agent: Gateway, tmp_path: Path
) -> None:
    (tmp_path / "search.json").write_bytes((FIXTURES / "jira" / "search.json").read_bytes().replace(b"IT-", b"NOT-"))
    about = {"ITSM_URL": stack["gateway"], "ITSM_TOKEN": stack["users"]["viewer"]["token"], "ITSM_CONFIG_DIR": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "import", "jira", str(tmp_path / "search.json"), cwd=ROOT, stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **about},
    )  # fmt: skip
    async with asyncio.timeout(60):
        _, err = await process.communicate()
    assert process.returncode == 4, err.decode()
    assert not (await agent.get("incidents", filter='externalNumber = "NOT-1"'))["incidents"]
