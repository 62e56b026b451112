"""A table of assets as text: each row becomes a report, or says what is wrong with it."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from chassis.errors import Invalid
from services.asset.domain.asset import Asset, Criticality, Money, cost_text
from services.asset.domain.classes import Catalog
from services.asset.domain.identity import CLAIMED, IdentifierKind
from services.asset.domain.lifecycle import State
from services.asset.domain.report import Report, cleaned

MOST_ROWS, MOST_COLUMNS, MOST_BYTES = 1_000, 200, 1 << 20
_SOURCE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_DELIMITERS = {"": ",", ",": ",", ";": ";", "|": "|", "\t": "\t"}
_PLAIN = ("key", "name", "class", "state", "location", "ownerId", "teamId", "criticality", "cost.amount", "cost.currency")
_KEY_LENGTH = 300

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a table is to be read. Raises `Invalid` where that makes no sense."""

    source: str
    mapping: Mapping[str, str]
    class_: str = ""
    delimiter: str = ""

    def check(self, catalog: Catalog) -> None:
        """Raises `Invalid` by field."""
        wrong: dict[str, str] = {}
        if not _SOURCE.fullmatch(self.source):
            wrong["source"] = "should be up to 63 lower-case letters, digits and hyphens"
        if self.delimiter not in _DELIMITERS:
            wrong["delimiter"] = "should be a comma, a semicolon, a bar or a tab"
        if self.class_ and catalog.named(self.class_) not in catalog.classes:
            wrong["class"] = f"there is no class {self.class_[:80]}"
        targets = list(self.mapping.values())
        for column, target in self.mapping.items():
            if not _is_target(target):
                wrong[f"mapping.{column}"] = f"{target[:80]} is nothing that a column can mean"
            elif targets.count(target) > 1 and not target.startswith("identifiers."):
                wrong[f"mapping.{column}"] = f"another column means {target} too"
        if "name" not in targets:
            wrong["mapping"] = "some column must mean the name"
        if "class" not in targets and not self.class_:
            wrong.setdefault("class", "say the class, here or in a column")
        if wrong:
            raise Invalid(wrong)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: its report and the state of a new asset, or what is wrong. `note` is what was left out of it."""

    line: int
    name: str = ""
    report: Report | None = None
    state: State = State.IN_USE
    wrong: str = ""
    note: str = ""


def _is_target(target: str) -> bool:
    group, _, name = target.partition(".")
    if group == "identifiers":
        return name in IdentifierKind.__members__ and name != IdentifierKind.AGENT
    return target in _PLAIN or (group == "attributes" and name.isalnum())


def rows(text: str, layout: Layout, catalog: Catalog, at: datetime) -> list[Row]:
    """The rows of a table. Raises `Invalid` for one that cannot be read as a table of this layout."""
    layout.check(catalog)
    if len(text.encode()) > MOST_BYTES:
        raise Invalid({"text": f"may have {MOST_BYTES} bytes"})
    lines = _lines(text, _DELIMITERS[layout.delimiter])
    header = [cell.strip() for cell in next(lines, (0, []))[1]]
    if missing := [column for column in layout.mapping if header.count(column) != 1]:
        raise Invalid({f"mapping.{column}": "there is no such column, or several" for column in missing})
    if len(header) > MOST_COLUMNS:
        raise Invalid({"text": f"may have {MOST_COLUMNS} columns"})
    seen: dict[str, int] = {}
    return [_once(_row(line, cells, header, layout, catalog, at), seen) for line, cells in lines]


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(
        io.StringIO(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"), newline=""), delimiter=delimiter, strict=True
    )
    begin, count = 1, -1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                count += 1
                if count > MOST_ROWS:
                    raise Invalid({"text": f"may have {MOST_ROWS} rows; bring the rest in another import"})
                yield begin, cells
            begin = reader.line_num + 1
    except csv.Error as problem:
        raise Invalid({"text": f"line {begin} is no row of a table: {problem}"}) from None


def _once(row: Row, seen: dict[str, int]) -> Row:
    """A table that says two things of one asset says nothing sure about it."""
    if row.report is None:
        return row
    own = row.report.own_keys
    if first := next((seen[key] for key in own if key in seen), 0):
        return Row(line=row.line, name=row.name, wrong=f"says the same asset as line {first}")
    seen |= dict.fromkeys(own, row.line)
    return row


def _row(line: int, cells: Sequence[str], header: Sequence[str], layout: Layout, catalog: Catalog, at: datetime) -> Row:
    if len(cells) != len(header):
        return Row(line=line, wrong=f"has {len(cells)} cells, the header {len(header)}")
    said = {column: cell.strip() for column, cell in zip(header, cells, strict=True) if column in layout.mapping}
    named = [(layout.mapping[column], cell) for column, cell in said.items() if cell]
    plain = {target: cell for target, cell in named if target in _PLAIN}
    name = plain.get("name", "")
    wrong: dict[str, str] = {}
    kinds: dict[IdentifierKind, list[str]] = {}
    for target, cell in named:
        if target.startswith("identifiers."):
            kinds.setdefault(IdentifierKind(target.partition(".")[2]), []).extend(cell.split(";"))
    identifiers = {kind: values for kind, values in cleaned(kinds).items() if values}
    values = _values(plain, layout, catalog, {t.partition(".")[2]: c for t, c in named if t.startswith("attributes.")}, wrong)
    state = _enum(State, plain.get("state", ""), State.IN_USE, "state", wrong)
    if wrong:
        return Row(line=line, name=name[:300], wrong=_told(wrong))
    key = plain.get("key", "") or ("" if CLAIMED & identifiers.keys() else f"{values['class']}/{name}")
    report = Report(
        source=f"import:{layout.source}", time=at, values=values, identifiers=identifiers, own_key=key[:_KEY_LENGTH]
    )
    try:
        Asset.of(report, catalog, id="-", at=at)
    except Invalid as problem:
        return Row(line=line, name=name[:300], wrong=_told(problem.violations))
    lost = sorted(kinds.keys() - identifiers.keys())
    note = f"what it says as {', '.join(lost)} identifies nothing" if lost else ""
    return Row(line=line, name=name, report=report, state=state, note=note)


def _values(
    plain: Mapping[str, str], layout: Layout, catalog: Catalog, attributes: Mapping[str, str], wrong: dict[str, str]
) -> dict[str, Any]:
    """What the row says by the names that sources use; what is wrong is added to `wrong`."""
    values: dict[str, Any] = {name: plain[name] for name in ("name", "location", "ownerId", "teamId") if name in plain}
    if not values.get("name"):
        wrong["name"] = "is empty"
    values["class"] = catalog.named(plain.get("class") or layout.class_)
    if values["class"] not in catalog.classes:
        wrong["class"] = f"there is no class {str(values['class'])[:80] or 'said'}"
        return values
    if "criticality" in plain:
        values["criticality"] = str(_enum(Criticality, plain["criticality"], Criticality.MEDIUM, "criticality", wrong))
    if "cost.amount" in plain:
        cost = Money(amount=plain["cost.amount"], currency=plain.get("cost.currency", ""))
        try:
            values["cost"] = cost_text(cost)
        except Invalid as problem:
            wrong |= problem.violations
    known = catalog.attributes(values["class"])
    for name, cell in attributes.items():
        try:
            values[name] = catalog.definition(known, name).read(cell)
        except ValueError as problem:
            wrong[f"attributes.{name}"] = str(problem)
    return values


def _enum(kind: Any, word: str, otherwise: T, name: str, wrong: dict[str, str]) -> T:
    plain = word.upper().replace(" ", "_")
    if not plain:
        return otherwise
    if plain not in kind.__members__:
        wrong[name] = f"should be one of {', '.join(kind.__members__)}"
        return otherwise
    found: T = kind[plain]
    return found


def _told(violations: Mapping[str, str]) -> str:
    return "; ".join(f"{field}: {text}" for field, text in violations.items())[:1_000]
