"""`itsm` as scripts and people use it, against the live stack: records, drawings, configuration as code, alerts, a doctor."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.gateway import Gateway
from tests.support.senders import Key

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Cli = Callable[..., Awaitable[Ended]]


@pytest.fixture
def itsm(stack: dict[str, Any], tmp_path: Path) -> Cli:
    """Runs `itsm` as the user of a role, in a pipe."""

    async def run(role: str, *arguments: str, **more: str) -> Ended:
        about = {"ITSM_URL": stack["gateway"], "ITSM_TOKEN": stack["users"][role]["token"], "ITSM_INGEST_URL": stack["ingest"]}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli", *arguments, cwd=ROOT, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "ITSM_CONFIG_DIR": str(tmp_path / "itsm"), **about, **more},
        )  # fmt: skip
        out, err = await process.communicate()
        return Ended(process.returncode or 0, out.decode(), err.decode())

    return run


async def test_assets_are_made_related_drawn_and_imported(itsm: Cli, tmp_path: Path) -> None:
    mark = uuid4().hex[:8]
    ids = {}
    for name, class_ in (("db", "database"), ("shop", "business_service")):
        made = await itsm(
            "asset-manager", "ci", "create", "--name", f"{name}-{mark}", "--class", class_, "--criticality", "high"
        )
        assert made.code == 0, made.err
        ids[name] = made.records[0]["id"]
    related = await itsm("asset-manager", "relation", "create", "--provider-id", ids["db"], "--consumer-id", ids["shop"],
                         "--kind", "uses")  # fmt: skip
    assert related.code == 0, related.err
    moved = await itsm("asset-manager", "ci", "update", ids["db"], "--location", "Ulm")
    assert moved.records[0]["location"] == "Ulm", moved.err

    hits: list[dict[str, Any]] = []
    for _ in range(100):  # the graph follows its relations in a moment
        hits = (await itsm("viewer", "ci", "impact", ids["db"])).records
        if len(hits) == 2:
            break
        await asyncio.sleep(0.1)
    assert {(hit["name"], hit["state"]) for hit in hits} == {(f"db-{mark}", "FAILED"), (f"shop-{mark}", "FAILED")}
    tree = (await itsm("viewer", "ci", "graph", ids["shop"])).out
    assert tree.index("needs") < tree.index(f"db-{mark}") < tree.index("is needed by")
    dot = (await itsm("viewer", "ci", "graph", ids["shop"], "-o", "dot")).out
    assert f'"{ids["db"]}" -> "{ids["shop"]}"' in dot

    table = tmp_path / "assets.csv"
    table.write_text(f"Host name,class,location\nweb-{mark},server,Ulm\nweb2-{mark},nonsense,Ulm\n")
    given = ("ci", "import", str(table), "--source", "table", "--map", "Host name=name")
    preview = await itsm("asset-manager", *given, "--dry-run")
    assert (preview.code, [row["outcome"] for row in preview.records]) == (1, ["CREATE", "ERROR"])
    assert (await itsm("viewer", "ci", "list", "--filter", f'name = "web-{mark}"')).out == ""
    applied = await itsm("asset-manager", *given)
    assert (applied.code, [row["outcome"] for row in applied.records]) == (1, ["CREATE", "ERROR"])
    found = await itsm("viewer", "ci", "list", "--filter", f'name = "web-{mark}"', "-o", "csv", "--fields", "name,location")
    assert found.out == f"name,location\nweb-{mark},Ulm\n"


async def test_what_is_refused_ends_with_its_code_and_changes_nothing(itsm: Cli) -> None:
    refused = await itsm("viewer", "ci", "create", "--name", "x", "--class", "server")
    assert (refused.code, refused.out) == (4, "")
    wrong = await itsm("asset-manager", "ci", "create", "--name", "x", "--class", "nonsense")
    assert (wrong.code, "/class" in wrong.err) == (4, True)
    assert (await itsm("viewer", "ci", "show", "ast_nowhere")).code == 8
    assert (await itsm("viewer", "ci", "list", ITSM_TOKEN="itp_nobody")).code == 6


async def test_configuration_is_planned_applied_pruned_and_exported(itsm: Cli, tmp_path: Path) -> None:
    mark, folder = uuid4().hex[:8], tmp_path / "config"
    folder.mkdir()
    office = f"""
resource: calendars
name: Office {mark}
zone: Europe/Berlin
windows:
  - {{weekday: MONDAY, start: "09:00", end: "17:00"}}
---
resource: slaPolicies
name: Gold {mark}
calendarId: "@calendars/Office {mark}"
categories: [cli-{mark}]
targets:
  - {{priority: P1, kind: RESOLVE, amount: 60, unit: BUSINESS_MINUTES}}
"""
    (folder / "desk.yaml").write_text(office)
    (folder / "senders.yml").write_text(f"resource: integrations\nname: Build {mark}\nkind: OTHER\n")
    plan = await itsm("admin", "admin", "apply", "-f", str(folder), "--plan")
    assert plan.code == 3, plan.err
    assert plan.out.splitlines() == [
        f"+ calendars/Office {mark}",
        f"+ slaPolicies/Gold {mark}",
        f"+ integrations/Build {mark}",
    ]
    applied = await itsm("admin", "admin", "apply", "-f", str(folder))
    assert applied.code == 0, applied.err
    again = await itsm("admin", "admin", "apply", "-f", str(folder), "--plan")
    assert (again.code, again.out) == (0, ""), again.out + again.err

    (folder / "desk.yaml").write_text(office.replace("amount: 60", "amount: 30"))
    change = await itsm("admin", "admin", "apply", "-f", str(folder))
    assert change.code == 0, change.err
    assert change.out.startswith(f"~ slaPolicies/Gold {mark}\n    targets: ")
    policy = (await itsm("viewer", "sla", "list", "--filter", f'name = "Gold {mark}"')).records[0]
    assert policy["targets"][0]["amount"] == 30

    (folder / "desk.yaml").write_text(office.replace("zone:", "timezone:"))
    wrong = await itsm("admin", "admin", "apply", "-f", str(folder))
    assert (wrong.code, "desk.yaml, document 1: timezone is no field" in wrong.err) == (1, True), wrong.err

    exported = tmp_path / "exported"
    assert (
        await itsm("admin", "admin", "export", "-f", str(exported), "--resource", "slaPolicies", "--resource", "calendars")
    ).code == 0
    assert f"Gold {mark}" in (exported / "slaPolicies.yaml").read_text()
    same = await itsm("admin", "admin", "apply", "-f", str(exported), "--plan")
    assert (same.code, same.out) == (0, ""), same.out + same.err
    (folder / "desk.yaml").write_text(office.replace("amount: 60", "amount: 45"))
    refused = await itsm("viewer", "admin", "apply", "-f", str(folder))
    assert refused.code == 4, refused.err


async def test_an_alert_is_sent_silenced_and_ended_from_a_shell(itsm: Cli, stack: dict[str, Any]) -> None:
    mark = uuid4().hex[:8]
    async with Gateway(stack["gateway"], stack["users"]["monitor-manager"]["token"]) as manager:
        key = await Key.made(manager)
    quiet = await itsm("monitor-manager", "silence", "for", "10m", f"dedup_key=cli-{mark}", "-m", "a test")
    assert quiet.code == 0, quiet.err
    about = ("alert", "send", "-m", "backup failed", "--severity", "critical", "--dedup", f"cli-{mark}")
    sent = await itsm("monitor-manager", *about, ITSM_INGEST_KEY=key.secret)
    assert sent.code == 0, sent.err
    listed = ("alert", "list", "--filter", f'labels = "dedup_key=cli-{mark}"')
    (alert,) = (await itsm("agent", *listed)).records
    assert (alert["severity"], alert["state"]) == ("CRITICAL", "SUPPRESSED")
    assert (await itsm("monitor-manager", *about, "--resolve", ITSM_INGEST_KEY=key.secret)).code == 0
    (alert,) = (await itsm("agent", *listed)).records
    assert alert["state"] == "RESOLVED"
    assert (await itsm("monitor-manager", *about, ITSM_INGEST_KEY="iti_wrong")).code == 6


async def test_a_doctor_looks_at_the_whole_way(itsm: Cli) -> None:
    well = await itsm("agent", "doctor")
    assert well.code == 0, well.out
    states = {row["check"]: row["state"] for row in well.records}
    assert {"address", "network", "platform", "service incident", "service auth", "live stream"} <= states.keys()
    assert "fail" not in states.values()
    ill = await itsm("agent", "doctor", ITSM_TOKEN="itp_nobody")
    assert ill.code == 1
    failed = [row["check"] for row in ill.records if row["state"] == "fail"]
    assert "service auth" in failed
    assert "platform" not in failed, "what needs no sign-in is told apart"
    gone = await itsm("agent", "doctor", ITSM_URL="http://127.0.0.1:9")
    assert (gone.code, [row["check"] for row in gone.records if row["state"] == "fail"]) == (1, ["network"])


async def test_many_records_are_changed_by_a_filter_and_changed_back(itsm: Cli, agent: Gateway) -> None:
    category = f"cli-{uuid4().hex[:8]}"
    ids = [(await agent.post("incidents", {"title": f"line {at}", "category": category}))["id"] for at in range(3)]
    asked = ("inc", "bulk", "update", "--filter", f'category = "{category}"', "--set", "title=all of them")
    assert (await itsm("agent", *asked)).code == 1, "nobody is there to be asked"
    assert (await itsm("viewer", *asked, "--yes")).code == 4
    done = await itsm("agent", *asked, "--yes")
    assert (done.code, done.records[0]["progress"]) == (0, {"done": 3, "total": 3, "failed": 0}), done.err
    assert {(await agent.get(f"incidents/{each}"))["title"] for each in ids} == {"all of them"}
    back = await itsm("agent", "job", "undo", done.records[0]["id"], "--wait")
    assert (back.code, back.records[0]["undoOf"]) == (0, done.records[0]["id"]), back.err
    assert [(await agent.get(f"incidents/{each}"))["title"] for each in ids] == ["line 0", "line 1", "line 2"]
