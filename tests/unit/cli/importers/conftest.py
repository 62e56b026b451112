"""Exports read and joined, without a platform."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.importers import importers
from cli.importers.joining import Incident, Joiner, Row
from cli.importers.mapping import load
from cli.importers.records import Refusal, Relation
from cli.importers.report import Report
from cli.importers.running import Run
from cli.importers.staging import Staging

FIXTURES = Path(__file__).parents[3] / "fixtures" / "importers"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Taken:
    """What came of some files. `refused` are file, line, field and reason."""

    incidents: dict[str, dict[str, Any]]
    assets: dict[str, dict[str, str]]
    relations: list[tuple[str, str, str, str]]
    refused: list[tuple[str, int, str, str]]
    unknown: dict[str, dict[str, int]]
    counts: dict[str, dict[str, int]]


Take = Callable[..., Taken]


@pytest.fixture
def take() -> Take:
    """Takes files of a system: names of fixtures, or paths."""

    def take_it(system: str, *names: str | Path, map_: Path | None = None, zone: str = "") -> Taken:
        importer = importers()[0][system]
        meanings = load(importer.defaults, map_, zone=zone)
        report = Report(system, dry_run=True)
        with Staging() as staging:
            run = Run(importer, meanings, staging, report)
            run.read([FIXTURES / name if isinstance(name, str) else name for name in names])
            joiner = Joiner(staging, meanings, NOW)
            incidents, assets = {}, {}
            for each in (*joiner.rows(), *joiner.incidents()):
                if isinstance(each, Refusal):
                    report.refuse(each)
                elif isinstance(each, Row):
                    assets[each.key] = each.cells
                elif isinstance(each, Incident):
                    incidents[each.number] = each.message
            relations = [(each.key, each.consumer, each.kind, each.group) for _, each in staging.each(Relation)]
        refused = [(each.place.file, each.place.line, each.field, each.reason) for each in report.first]
        unknown = {table: dict(words) for table, words in meanings.unknown.items()}
        return Taken(incidents, assets, relations, refused, unknown, report.document(meanings.unknown)["counts"])

    return take_it
