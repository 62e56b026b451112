"""Importers of other packages: named ones alone, and one that is broken hurts no other."""

import re
import sys
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from cli.importers import importers
from cli.importers.joining import Incident, Joiner
from cli.importers.mapping import load
from cli.importers.registry import BUILT_IN, GROUP
from cli.importers.report import Report
from cli.importers.running import Run
from cli.importers.staging import Staging

PAGE = Path(__file__).parents[4] / "docs" / "plugins" / "importers.md"
HOUSE = {each.name for each in BUILT_IN}


@pytest.fixture
def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    """The example of the documentation, one that cannot be loaded, and one that takes a name of the house."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "ledger_of_the_page.py").write_text(code)
    (tmp_path / "thief.py").write_text("from cli.importers.jira import Jira as Thief\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = {"ledger": "ledger_of_the_page:LedgerImporter", "broken": "no_such_module:It", "thief": "thief:Thief"}
    return [EntryPoint(name, value, GROUP) for name, value in points.items()]


def test_nothing_is_loaded_that_was_not_named(offered: list[EntryPoint]) -> None:
    assert importers("", offered=offered) == ({each.name: each for each in BUILT_IN}, [])
    assert "ledger_of_the_page" not in sys.modules


def test_the_example_of_the_page_reads_its_table(offered: list[EntryPoint], tmp_path: Path) -> None:
    found, wrong = importers("importers:ledger", offered=offered)
    assert (found.keys(), wrong) == ({*HOUSE, "ledger"}, [])
    ledger = found["ledger"]
    (tmp_path / "calls.csv").write_text("number,day,caller,what,done\n7,03.02.2026,Ann,Lamp,x\n,03.02.2026,Bob,Door,\n")
    report = Report("ledger", dry_run=True)
    with Staging() as staging:
        run = Run(ledger, load(ledger.defaults, None), staging, report)
        run.read([tmp_path / "calls.csv"])
        (incident,) = Joiner(staging, run.meanings, datetime.now(UTC)).incidents()
    assert isinstance(incident, Incident)
    assert incident.message == {
        "externalNumber": "7",
        "title": "Lamp",
        "requesterId": "Ann",
        "openTime": "2026-02-02T23:00:00Z",
        "updates": [
            {"time": "2026-02-02T23:00:00Z", "state": "NEW"},
            {"time": "2026-02-02T23:00:00Z", "state": "CLOSED"},
        ],
    }
    assert [(refusal.place.line, refusal.field) for refusal in report.first] == [(3, "number")]


def test_what_cannot_be_loaded_is_told_and_the_others_are_there(offered: list[EntryPoint]) -> None:
    found, wrong = importers("importers:broken,importers:thief,importers:ledger,importers:nobody", offered=offered)
    assert found.keys() == {*HOUSE, "ledger"}
    assert [re.match(r"the importer (\w+) is not there: ", each)[1] for each in wrong] == ["broken", "nobody", "thief"]  # type: ignore[index]
