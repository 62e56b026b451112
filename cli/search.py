"""`itsm search WORDS`: everything that the caller may read, by what it says."""

from typing import Annotated

import typer

from cli.session import Form, Trace, opened

PATH = "/api/v1/search"
COLUMNS = ("kind", "number", "state", "title", "excerpt", "id")


def search(
    words: Annotated[list[str], typer.Argument(metavar="WORDS...", help="What to look for; a slip of the pen does no harm.")],
    kinds: Annotated[str, typer.Option("--kinds", help="Kinds of records, by comma: incidents,articles.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=50, help="How many at most.")] = 20,
    output: Form = None,
    trace: Trace = False,
) -> None:
    """Search incidents, requests, problems, changes, articles, assets and notes."""
    query = {"query": " ".join(words), "pageSize": str(limit), **({"kinds": kinds} if kinds else {})}
    with opened(output, trace=trace) as session:
        found = session.send("GET", PATH, query=query).data
        session.out.records(found.get("hits", []), COLUMNS, empty="nothing says that")
        if found.get("building"):
            session.out.say("The index is being made anew: more may be found soon.", "dim")
