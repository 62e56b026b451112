"""`itsm ci …` beyond what the contract makes: the graph as a drawing of text, impact with its proof, tables of assets."""

import csv
import io
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from cli.client import segment
from cli.errors import CliError, ExitCode
from cli.output import clean, styled
from cli.session import Form, Session, Trace, opened

app = typer.Typer()

PATH = "/api/v1/assets"
HITS = ("state", "criticality", "name", "class", "distance", "group", "margin", "path")
ROWS = ("line", "outcome", "name", "assetId", "reason")
_PLAIN = frozenset({"key", "name", "class", "state", "location", "ownerId", "teamId", "criticality"})

Asset = Annotated[str, typer.Argument(metavar="ID", help="The asset's id.")]


class Drawing(StrEnum):
    """How a graph is written."""

    TREE = "tree"
    DOT = "dot"
    JSON = "json"


@app.command()
def graph(
    asset: Asset,
    depth: Annotated[int, typer.Option("--depth", min=1, max=3, help="How many relations away.")] = 2,
    drawing: Annotated[Drawing, typer.Option("-o", "--output", help="A tree, a graph for Graphviz, or JSON.")] = Drawing.TREE,
    trace: Trace = False,
) -> None:
    """Draw what an asset needs and what needs it."""
    with opened(None, trace=trace) as session:
        found = session.send("GET", f"{PATH}/{segment(asset)}:graph", query={"depth": depth}).data
        if drawing is Drawing.JSON:
            session.out.record(found, lambda: "")
        elif drawing is Drawing.DOT:
            print("\n".join(_dot(found)))
        else:
            session.out.console.print(_tree(found))


@app.command()
def impact(
    asset: Asset,
    up: Annotated[bool, typer.Option("--up", help="What can take it down, not what it takes down.")] = False,
    failed: Annotated[list[str] | None, typer.Option("--failed", help="Another asset that is down too; repeat it.")] = None,
    depth: Annotated[int | None, typer.Option("--depth", min=1, help="Show hits this far only.")] = None,
    output: Form = None,
    trace: Trace = False,
) -> None:
    """Show what fails with an asset, and the path that proves it."""
    query: dict[str, Any] = {"direction": "UP" if up else "DOWN", "failed": failed or [], "pageSize": 200}
    if depth is not None:
        query["depth"] = depth
    with opened(output, trace=trace) as session:
        summary: dict[str, Any] = {}
        hits = list(_hits(session, f"{PATH}/{segment(asset)}:impact", query, summary))
        names = {hit["assetId"]: hit["name"] or hit["assetId"] for hit in hits}
        table = session.out.form == "table"
        shown = [{**hit, "path": " → ".join(names.get(each, each) for each in hit.get("path", []))} for hit in hits]
        session.out.records(shown if table else hits, HITS, empty="nothing fails with it")
        if table:
            session.out.say(f"{summary.get('failedCount', 0)} down, {summary.get('atRiskCount', 0)} at risk", "dim")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The table, as CSV with a header line.")],
    source: Annotated[str, typer.Option("--source", help="Where it comes from: lower-case letters, digits, hyphens.")],
    column: Annotated[
        list[str] | None,
        typer.Option("--map", help="What a column means, as HEADER=name or 'Serial no=identifiers.SERIAL'; repeat it."),
    ] = None,
    class_: Annotated[str, typer.Option("--class", help="The class of rows that say none.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what each row would do, and change nothing.")] = False,
    output: Form = None,
    trace: Trace = False,
) -> None:
    """Import assets from a table. Columns that are called like fields need no --map."""
    with opened(output, trace=trace) as session:
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise CliError(f"{file} cannot be read: {error}") from error
        body = {"text": text, "source": source, "mapping": _mapping(text, column or []), "class": class_}
        made = session.send("POST", "/api/v1/imports", body=body).data
        if not dry_run:
            path = f"/api/v1/imports/{segment(made['id'])}:apply"
            made = session.send("POST", path, body={}).data
        _tell(session, made, dry_run=dry_run)


def _tell(session: Session, made: dict[str, Any], *, dry_run: bool) -> None:
    session.out.records(made.get("rows", []), ROWS, empty="the table has no rows")
    counts = (f"{made.get(f'{kind}Count', 0)} {kind}" for kind in ("create", "update", "unchanged", "conflict", "error"))
    session.out.say(f"{'would do' if dry_run else 'done'}: {', '.join(counts)}", "dim")
    if made.get("errorCount") or made.get("conflictCount"):
        session.failed = ExitCode.ERROR


def _mapping(text: str, given: list[str]) -> dict[str, str]:
    """What each column means: as said, else by its own name. Raises `CliError` where a column that is said is not there."""
    header = next(csv.reader(io.StringIO(text)), [])
    found = {name: name for name in header if name in _PLAIN or name.startswith(("attributes.", "identifiers.", "cost."))}
    for each in given:
        name, sign, meaning = each.partition("=")
        if not sign or name not in header:
            raise CliError(f"--map {each!r} names no column", hint=f"the columns are: {', '.join(header)}")
        found[name] = meaning
    if not found:
        raise CliError("no column of the table is known", hint="say what they mean: --map 'Host name=name'")
    return found


def _hits(session: Session, path: str, query: dict[str, Any], summary: dict[str, Any]) -> Iterator[dict[str, Any]]:
    token = ""
    while True:
        page = session.send("GET", path, query={**query, "pageToken": token} if token else query).data
        summary |= page
        yield from page.get("hits", [])
        if not (token := page.get("nextPageToken", "")):
            return


def _tree(graph: dict[str, Any]) -> Tree:
    """What the asset needs and what needs it, each as a tree; what was shown before is not unfolded again."""
    nodes = {each["id"]: each for each in [*graph["nodes"], *graph.get("groups", [])]}
    root = graph["nodes"][0]
    tree = Tree(_label(root))
    for title, of, to in (("needs", "consumerId", "providerId"), ("is needed by", "providerId", "consumerId")):
        branch = tree.add(Text(title, "dim"))
        seen = {root["id"]}
        _grow(branch, root["id"], graph.get("edges", []), nodes, (of, to), seen)
        if not branch.children:
            branch.add(Text("nothing", "dim"))
    return tree


def _grow(
    branch: Tree, at: str, edges: list[dict[str, Any]], nodes: dict[str, Any], ends: tuple[str, str], seen: set[str]
) -> None:
    of, to = ends
    for edge in edges:
        if edge[of] != at or edge[to] not in nodes:
            continue
        following = branch.add(_label(nodes[edge[to]]) + Text(f"  {edge.get('kind', '').lower()}", "dim"))
        if edge[to] not in seen:
            seen.add(edge[to])
            _grow(following, edge[to], edges, nodes, ends, seen)


def _label(node: dict[str, Any]) -> Text:
    name = node.get("name") or (f"{node['count']} of {node.get('class', '')}" if "count" in node else node["id"])
    return Text.assemble((clean(name), "bold"), "  ", styled(node.get("state", "")))


def _dot(graph: dict[str, Any]) -> Iterator[str]:
    yield "digraph assets {"
    yield "  rankdir=LR; node [shape=box, fontname=sans];"
    for node in [*graph["nodes"], *graph.get("groups", [])]:
        yield f"  {_quoted(node['id'])} [label={_quoted(_label(node).plain.strip())}];"
    for edge in graph.get("edges", []):
        yield f"  {_quoted(edge['providerId'])} -> {_quoted(edge['consumerId'])} [label={_quoted(edge.get('kind', ''))}];"
    yield "}"


def _quoted(text: str) -> str:
    return '"' + clean(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
