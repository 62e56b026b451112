"""`itsm admin …`: configuration as code. A folder of YAML says how calendars, checks, rules and the like should be.

Each document of each file names its `resource` (`checks`) and its `name`; the other fields are those of the API. A
record is found by its name: items of the catalog by their `title`, templates by `name`, `channel` and `locale` together. A text
that begins with `@`, as in `@calendars/Office hours`, stands for the id of another record.
What a document leaves out is left as it is.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.text import Text

from cli import contract
from cli.client import segment
from cli.errors import CliError, ExitCode
from cli.files import documents
from cli.output import clean, dumps
from cli.session import Session, Trace, opened

app = typer.Typer(no_args_is_help=True, help="Configuration as code: plan, apply, export.")

KINDS = (
    "roles", "calendars", "slaPolicies", "assetClasses", "integrations", "notificationTargets", "checks", "alertRules",
    "maintenanceWindows", "approvalPolicies", "changeTemplates", "routingRules", "automationRules",
    "followUpPolicies", "surveyPolicies", "ticketTemplates", "recurringTickets", "dashboards",
    "catalogItems", "templates", "notificationRules",
)  # fmt: skip
"""In the order in which they are made: who refers comes after what is referred to."""
_NAMES: Mapping[str, tuple[str, ...]] = {"catalogItems": ("title",), "templates": ("name", "channel", "locale")}
"""The fields by which records of a kind are told apart, where that is not the name alone."""
_MARK = "@"

Folder = Annotated[Path, typer.Option("-f", "--folder", help="The folder with the documents, *.yaml and *.yml.")]


@dataclass
class Step:
    """What happens to one record."""

    kind: str
    name: str
    act: str
    wanted: dict[str, Any] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)
    changes: list[tuple[str, Any, Any]] = field(default_factory=list)


@app.command()
def apply(
    folder: Folder,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what would be done; ends with 3 where something would.")
    ] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Delete what no document names, of the kinds that they name.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before something is deleted.")] = False,
    trace: Trace = False,
) -> None:
    """Make the platform as the folder says. Applied twice, the second time does nothing."""
    with opened(None, trace=trace) as session:
        files = sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml")])
        if not files:
            raise CliError(f"there is no *.yaml in {folder}")
        wanted = read(files)
        present = Present(session)
        steps = list(planned(present, wanted, prune=prune))
        show(session, steps)
        todo = [step for step in steps if step.act != "keep"]
        if plan:
            session.failed = ExitCode.PENDING if todo else ExitCode.OK
            return
        losing = sum(step.act == "delete" for step in todo)
        if losing and not yes and not (session.out.talk.is_terminal and typer.confirm(f"Delete {losing}?", err=True)):
            raise CliError(f"{losing} would be deleted, and nothing was done", hint="say --yes where nobody can be asked")
        do(present, todo)


@app.command()
def export(
    folder: Folder,
    kind: Annotated[list[str] | None, typer.Option("--resource", help="Only this one, as in checks; repeat it.")] = None,
    trace: Trace = False,
) -> None:
    """Write what there is into a folder, a file a kind, as `apply` reads it."""
    with opened(None, trace=trace) as session:
        present = Present(session)
        folder.mkdir(parents=True, exist_ok=True)
        for each in kind or offered():
            if each not in KINDS:
                raise CliError(f"{each!r} is not configured this way", hint=f"one of: {', '.join(KINDS)}")
            records = present.records(each)
            if records:
                (folder / f"{each}.yaml").write_text(written(each, records), encoding="utf-8")
            session.out.say(f"{each}: {len(records)}", "dim")


def offered() -> tuple[str, ...]:
    """The kinds that this installation of the program knows."""
    return tuple(kind for kind in KINDS if contract.operations(kind))


def written(kind: str, records: Iterable[Mapping[str, Any]]) -> str:
    """Records as documents that `read` reads."""
    whole = [{"resource": kind, **_writable(kind, record)} for record in records]
    return "---\n".join(yaml.safe_dump(each, sort_keys=False, allow_unicode=True) for each in whole)


def read(files: Iterable[Path]) -> dict[str, dict[str, dict[str, Any]]]:
    """What files say, by kind and name. Raises `CliError`, naming the file and what would be right."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for file in files:
        for at, document in enumerate(documents(file), start=1):
            kind = document.pop("resource", "")
            if kind not in offered():
                raise CliError(f"{file}, document {at}: resource {kind!r}", hint=f"one of: {', '.join(offered())}")
            if lacking := [each for each in _names(kind) if not isinstance(document.get(each), str) or not document[each]]:
                raise CliError(f"{file}, document {at}: {lacking[0]} is missing")
            name = called(kind, document)
            if name in found.setdefault(kind, {}):
                raise CliError(f"{file}, document {at}: {kind}/{name} is there twice")
            known = {each.name for each in contract.operations(kind)["create"].parameters}
            if unknown := sorted(document.keys() - known):
                raise CliError(
                    f"{file}, document {at}: {', '.join(unknown)} is no field",
                    hint=f"fields of {kind}: {', '.join(sorted(known))}",
                )
            found[kind][name] = document
    return found


@dataclass
class Present:
    """What the platform holds, each kind asked for once until something of it is made."""

    session: Session
    _known: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def records(self, kind: str) -> list[dict[str, Any]]:
        """The records of a kind; what every tenant has is not configured."""
        if kind not in self._known:
            operation = contract.operations(kind)["list"]
            found = self.session.client.pages(operation.path, operation.member, limit=None)
            self._known[kind] = [record for record in found if not record.get("builtIn")]
        return self._known[kind]

    def forget(self, kind: str) -> None:
        """Something of this kind was made or deleted."""
        self._known.pop(kind, None)

    def named(self, kind: str, name: str) -> dict[str, Any] | None:
        """The record of this name, if there is one. Raises `CliError` where several have it."""
        found = [record for record in self.records(kind) if called(kind, record) == name]
        if len(found) > 1:
            raise CliError(f"{len(found)} of {kind} are called {name!r}: which one is meant cannot be said")
        return found[0] if found else None

    def resolved(self, value: Any) -> Any:
        """The value with ids where it names other records; a name that is not there yet stays as it is."""
        if isinstance(value, dict):
            return {name: self.resolved(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.resolved(each) for each in value]
        if not _refers(value):
            return value
        kind, _, name = value.removeprefix(_MARK).partition("/")
        if kind not in offered():
            raise CliError(f"{value!r} names no record", hint="as in: @calendars/Office hours")
        found = self.named(kind, name)
        return found["id"] if found else value


def planned(present: Present, wanted: Mapping[str, Mapping[str, dict[str, Any]]], *, prune: bool = False) -> Iterator[Step]:
    """What would make the platform so."""
    for kind in KINDS:
        if kind not in wanted:
            continue
        for name, fields in wanted[kind].items():
            found = present.named(kind, name)
            if found is None:
                yield Step(kind, name, "create", fields)
                continue
            changes = list(_changes(present.resolved(fields), found))
            yield Step(kind, name, "update" if changes else "keep", fields, found, changes)
        if prune and "delete" in contract.operations(kind):
            yield from (
                Step(kind, called(kind, record), "delete", found=record)
                for record in present.records(kind)
                if called(kind, record) not in wanted[kind] and not record.get("shipped")
            )


def called(kind: str, record: Mapping[str, Any]) -> str:
    """What a record is known by in a folder: `Office`, or `incident-opened/MAIL/de`."""
    return "/".join(str(record.get(each, "")) for each in _names(kind))


def _names(kind: str) -> tuple[str, ...]:
    return _NAMES.get(kind, ("name",))


def _refers(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(_MARK)


def _changes(wanted: Mapping[str, Any], found: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each field that is not as wanted: its path, how it is, how it should be."""
    for name, value in wanted.items():
        path, before = f"{at}{name}", found.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            yield from _changes(value, before, f"{path}.")
        elif not _same(value, before):
            yield path, before, value


def _same(value: Any, before: Any) -> bool:
    if isinstance(value, list) and isinstance(before, list):
        return len(value) == len(before) and all(map(_same, value, before))
    if isinstance(value, dict) and isinstance(before, dict):
        return all(_same(each, before.get(name)) for name, each in value.items())
    if before is None:
        return value in ("", [], {}, False, 0, None)
    return bool(value == before)


def show(session: Session, steps: list[Step]) -> None:
    """The plan: a line a record that changes, a line a field of it."""
    signs = {"create": ("+", "green"), "update": ("~", "yellow"), "delete": ("-", "red")}
    console = session.out.console
    for step in steps:
        if step.act == "keep":
            continue
        sign, style = signs[step.act]
        console.print(Text(f"{sign} {step.kind}/{clean(step.name)}", style), soft_wrap=True)
        for path, before, after in step.changes:
            console.print(Text(f"    {path}: {clean(dumps(before))} → {clean(dumps(after))}"), soft_wrap=True)
    counts = {act: sum(step.act == act for step in steps) for act in ("create", "update", "delete", "keep")}
    session.out.say(", ".join(f"{count} to {act}" for act, count in counts.items()), "dim")


def do(present: Present, steps: list[Step]) -> None:
    """Does what was planned; what was changed since then is refused, and nothing after it is done."""
    # What refers goes before what it refers to.
    deleting = [step for step in reversed(steps) if step.act == "delete"]
    for step in [*(step for step in steps if step.act != "delete"), *deleting]:
        path = f"{contract.PREFIX}{step.kind}"
        if step.act == "create":
            present.session.send("POST", path, body=_complete(present, step.wanted))
            present.forget(step.kind)
        else:
            changed = {each.partition(".")[0] for each, _, _ in step.changes}
            fields = {name: _merged(value, step.found.get(name)) for name, value in step.wanted.items() if name in changed}
            body = {"body": _complete(present, fields)} if step.act == "update" else {}
            method = "PATCH" if body else "DELETE"
            present.session.send(method, f"{path}/{segment(step.found['id'])}", etag=step.found.get("etag", ""), **body)
        present.session.out.say(f"{step.act}d {step.kind}/{step.name}", "green")


def _merged(wanted: Any, found: Any) -> Any:
    """A field as a whole, which is how it is sent: what a document leaves out of it stays."""
    if not (isinstance(wanted, dict) and isinstance(found, dict)):
        return wanted
    return {**found, **{name: _merged(value, found.get(name)) for name, value in wanted.items()}}


def _complete(present: Present, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with ids for all names. Raises `CliError` for a name that is not there."""
    found = {name: present.resolved(value) for name, value in fields.items()}
    if missing := [text for text in _texts(found) if _refers(text)]:
        raise CliError(f"{missing[0]!r} is not there")
    return found


def _texts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
    else:
        yield value


def _writable(kind: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody may set of a record, the name first; what is empty left out."""
    known = [each.name for each in contract.operations(kind)["create"].parameters]
    found = {name: record[name] for name in known if record.get(name) not in (None, "", [], {})}
    return {**{each: record[each] for each in _names(kind)}, **found}
