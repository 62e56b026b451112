"""One run: files are read to pieces, pieces are joined, and what comes of it is told to the platform; a trial stops short."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn

from cli.importers import reading
from cli.importers.joining import Incident, Joiner, Row
from cli.importers.mapping import Meanings
from cli.importers.platform import Done, Platform, Result, Send
from cli.importers.records import Asset, Person, Raw, Refusal, Relation, Remark, Ticket, Unusable
from cli.importers.registry import Importer
from cli.importers.report import Report
from cli.importers.staging import Staging

_KINDS = {"incident": Ticket, "asset": Asset, "relation": Relation, "person": Person}
KINDS = frozenset(_KINDS)


class Bars(AbstractContextManager["Bars"]):
    """Progress on a terminal; nothing where there is none."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    @classmethod
    def on(cls, console: object) -> "Bars":
        """Bars on a Rich console that is a terminal."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        shown = bool(getattr(console, "is_terminal", False))
        return cls(Progress(*columns, console=console, transient=True) if shown else None)  # type: ignore[arg-type] # as said

    def __enter__(self) -> "Bars":
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begin(self, name: str, total: int) -> None:
        """Another bar in place of the last."""
        if self._progress is not None:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(name, total=total)

    def at(self, done: int) -> None:
        """How far it is."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done)


@dataclass(slots=True)
class Run:
    """What one run works with. `wanted` are kinds: incident, asset, relation, person."""

    importer: Importer
    meanings: Meanings
    staging: Staging
    report: Report
    wanted: frozenset[str] = KINDS
    bars: Bars = field(default_factory=Bars)

    def read(self, files: Sequence[Path], *, encoding: str = "") -> None:
        """Reads the files to pieces. Fails: `OSError`."""
        self.bars.begin("Reading", sum(file.stat().st_size for file in files))
        before = 0
        for file in files:

            def at(done: int, before: int = before) -> None:
                self.bars.at(before + done)

            for each in reading.read(file, self.importer.members, encoding=encoding, at=at):
                if isinstance(each, Refusal):
                    self.report.refuse(each)
                else:
                    self._take(each)
            before += file.stat().st_size
        if "incident" in self.wanted:
            for place, key, times in self.staging.orphans():
                self.report.refuse(
                    Refusal(place, f"belongs to the ticket {key}, which is in no file ({times} in all)", kind="note")
                )
        for kind, name in _KINDS.items():
            if kind in self.wanted and (found := self.staging.count(name)):
                self.report.count(kind, "found", found)
        if "incident" in self.wanted and (found := self.staging.count(Remark)):
            self.report.count("note", "found", found)

    def _take(self, raw: Raw) -> None:
        try:
            for piece in self.importer.pieces(raw, self.meanings):
                if refusal := self.staging.put(piece, raw.place):
                    self.report.refuse(refusal)
        except Unusable as wrong:
            self.report.refuse(Refusal(raw.place, wrong.reason, wrong.field, _number(raw)))

    def look(self) -> None:
        """A trial without a platform: everything is joined, nothing is sent."""
        joiner = self._joiner()
        self._people(joiner)
        if "asset" in self.wanted:
            self._all("Assets", self.staging.count(Asset), (_seen(each) for each in joiner.rows()))
            self._skipped(joiner)
        if "incident" in self.wanted:
            self._all("Incidents", self.staging.count(Ticket), (_seen(each) for each in joiner.incidents()))

    def send(self, send: Send, *, dry_run: bool) -> None:
        """Tells the platform everything, or asks it in a trial what it would say. Raises `CliError`."""
        platform = Platform(send, self.staging, self.importer.name, dry_run)
        joiner = self._joiner()
        count, why = platform.learn_people()
        if why:
            self.report.told.append(f"People are not compared with those of the platform beyond {count}: {why}")
        self._people(joiner)
        if "asset" in self.wanted:
            self._all("Assets", self.staging.count(Asset), platform.assets(joiner.rows()))
            self._skipped(joiner)
        if "relation" in self.wanted:
            self._all("Relations", self.staging.count(Relation), platform.relations(self.staging.each(Relation)))
        if "incident" in self.wanted:
            self._all("Incidents", self.staging.count(Ticket), platform.incidents(joiner.incidents()))

    def _skipped(self, joiner: Joiner) -> None:
        if joiner.skipped:
            self.report.count("asset", "skipped", joiner.skipped)

    def _joiner(self) -> Joiner:
        return Joiner(self.staging, self.meanings, datetime.now(UTC))

    def _people(self, joiner: Joiner) -> None:
        """Who of those in the files is here. Nobody is made: people come from the directory."""
        if "person" not in self.wanted:
            return
        for _, person in self.staging.each(Person):
            if joiner.is_here(person.key):
                self.report.count("person", "matched")

    def _all(self, name: str, total: int, results: Iterable[Result | None]) -> None:
        self.bars.begin(name, total)
        for done, result in enumerate(results, start=1):
            if isinstance(result, Refusal):
                self.report.refuse(result)
            elif isinstance(result, Done):
                self.report.count(result.kind, result.outcome.lower())
            self.bars.at(done)


def _seen(each: Incident | Row | Refusal) -> Refusal | None:
    return each if isinstance(each, Refusal) else None


def _number(raw: Raw) -> str:
    for name in ("number", "key", "ref", "id", "name"):
        if isinstance(value := raw.fields.get(name), str):
            return value
    return ""
