"""What became of a run: counts by kind, what was refused and why, which words mean nothing yet."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.importers.mapping import TABLES
from cli.importers.records import Refusal
from cli.output import clean, dumps

SHOWN = 20
"""Refusals, and words of each table, that are shown one by one."""
KINDS = ("person", "asset", "relation", "incident", "note")
NAMES = {"person": "people", "asset": "assets", "relation": "relations", "incident": "incidents", "note": "notes"}
OUTCOMES = ("found", "matched", "created", "updated", "unchanged", "skipped", "refused")


@dataclass(slots=True)
class Report:
    """Counts into memory, refusals into a file; `file` is None where nobody wants them."""

    system: str
    dry_run: bool
    file: IO[str] | None = None
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    refused: int = 0
    first: list[Refusal] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def count(self, kind: str, outcome: str, by: int = 1) -> None:
        """One more of a kind."""
        self.counts.setdefault(kind, Counter())[outcome] += by

    def refuse(self, refusal: Refusal) -> None:
        """Takes down what was left out."""
        self.refused += 1
        if refusal.kind in KINDS:
            self.count(refusal.kind, "refused")
        if len(self.first) < SHOWN:
            self.first.append(refusal)
        if self.file is not None:
            self.file.write(json.dumps(refusal.document(), ensure_ascii=False) + "\n")

    def document(self, unknown: Mapping[str, Counter[str]]) -> dict[str, Any]:
        """As it is printed in a pipe."""
        return {
            "system": self.system,
            "dryRun": self.dry_run,
            "counts": {NAMES[kind]: dict(self.counts[kind]) for kind in KINDS if kind in self.counts},
            "unknown": {table: dict(words.most_common(SHOWN)) for table, words in unknown.items()},
            "refused": self.refused,
            "first": [refusal.document() for refusal in self.first],
            "notices": self.told,
        }

    def shown(self, unknown: Mapping[str, Counter[str]]) -> RenderableType:
        """As a person reads it."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold dim")
        columns = [each for each in OUTCOMES if any(counts[each] for counts in self.counts.values())]
        table.add_column("TRIAL" if self.dry_run else "")
        for name in columns:
            table.add_column(name.upper(), justify="right")
        for kind in KINDS:
            if kind in self.counts:
                table.add_row(NAMES[kind], *(_number(self.counts[kind][name], name) for name in columns))
        parts: list[RenderableType] = [table]
        for name, words in unknown.items():
            parts.append(Text(f"\nNot known among the {name}; say in the map what each means: {TABLES[name]}", "yellow"))
            parts += [Text(f'  "{clean(word)}":  ({times} times)') for word, times in words.most_common(SHOWN)]
            if len(words) > SHOWN:
                parts.append(Text(f"  and {len(words) - SHOWN:,} more", "dim"))
        if self.first:
            parts.append(Text(f"\nLeft out: {self.refused:,}", "bold red"))
            parts += [Text(clean(line(refusal)), "red") for refusal in self.first]
        if self.refused > len(self.first):
            parts.append(Text(f"  and {self.refused - len(self.first):,} more; --report FILE names them all", "dim"))
        parts += [Text(clean(each), "yellow") for each in self.told]
        return Group(*parts)

    def in_a_pipe(self, unknown: Mapping[str, Counter[str]]) -> str:
        """One line of JSON."""
        return dumps(self.document(unknown))


def line(refusal: Refusal) -> str:
    """Where, what, why."""
    about = " ".join(part for part in (refusal.kind, refusal.number) if part)
    return f"  {refusal.place}  {about}  {f'{refusal.field}: ' if refusal.field else ''}{refusal.reason}"


def _number(value: int, name: str) -> Text:
    return Text(f"{value:,}", "bold red" if name == "refused" and value else "bold" if value else "dim")
