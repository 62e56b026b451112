"""`itsm triage …`: what a service desk may learn from its own tickets, tried on files, on this machine alone."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.errors import CliError
from cli.output import Output
from cli.session import Form

app = typer.Typer(
    no_args_is_help=True,
    help="Learn from sorted tickets how to sort others: the service's own code, on files; nothing leaves this machine.",
)

COLUMNS = ("row", "suggestion", "confidence", "label", "right")

Tickets = Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a head line, packed by gzip or not.", exists=True)]
TextColumn = Annotated[str, typer.Option("--text-column", help="The column with what people wrote.")]
LabelColumn = Annotated[str, typer.Option("--label-column", help="The column with how it was sorted.")]


@app.command()
def train(
    file: Tickets,
    model: Annotated[Path, typer.Option("--model", help="Where to write what was learned.")],
    folds: Annotated[
        int, typer.Option("--folds", min=0, max=20, help="Also tell how well it does, by as many models of parts.")
    ] = 0,
    text_column: TextColumn = "Document",
    label_column: LabelColumn = "Topic_group",
    output: Form = None,
) -> None:
    """Learn from sorted tickets."""
    out, begun = Output(output), time.process_time()
    with _reported():
        from services.incident.triage import training
        from services.incident.triage.tickets import read

        tickets = list(read(file, text_column, label_column, sorted_=True))
        texts, labels = [ticket.text for ticket in tickets], [ticket.label for ticket in tickets]
        with _told(out) as told:
            learned = training.train(texts, labels, told)
            spent = time.process_time() - begun
            shares = training.cross_validated(texts, labels, folds, told) if folds > 1 else []
        _write(model, learned.to_bytes())
    facts = {**learned.facts, "labels": list(learned.labels), "cpuSeconds": round(spent, 1)}
    if shares:
        facts |= {"folds": [round(share, 4) for share in shares], "accuracy": round(sum(shares) / len(shares), 4)}
    out.record(facts, lambda: "\n".join(f"{name:<16} {_shown(value)}" for name, value in facts.items()))


@app.command()
def predict(
    file: Tickets,
    model: Annotated[Path, typer.Option("--model", help="What `itsm triage train` wrote.", exists=True)],
    text_column: TextColumn = "Document",
    label_column: LabelColumn = "Topic_group",
    output: Form = None,
) -> None:
    """Suggest how tickets are sorted; where the file tells how they were, also say how often that was right."""
    out, counted = Output(output), [0, 0]

    def each() -> Iterator[dict[str, Any]]:
        for number, ticket in enumerate(read(file, text_column, label_column, sorted_=False), 1):
            best = learned.suggest(ticket.text)[0]
            record = {"row": number, "suggestion": best.label, "confidence": round(best.confidence, 4)}
            if ticket.label:
                right = best.label == ticket.label
                counted[0] += right
                counted[1] += 1
                record |= {"label": ticket.label, "right": right}
            yield record

    with _reported():
        from services.incident.triage.model import read as read_model
        from services.incident.triage.tickets import read

        learned, begun = read_model(model), time.process_time()
        count = out.records(each(), COLUMNS, empty="no ticket in the file")
        spent = (time.process_time() - begun) / max(count, 1) * 1000
    if counted[1]:
        out.say(f"{counted[0]:,} of {counted[1]:,} right: {counted[0] / counted[1]:.2%}")
    out.say(f"{count:,} tickets, {spent:.2f} ms of CPU each", "dim")


@contextmanager
def _reported() -> Iterator[None]:
    """What is wrong with a file, or missing on this machine, in words."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise CliError(f"{error.name} is not installed", hint="pip install 'itsm[incident]'") from None
    except (ValueError, OSError) as error:
        raise CliError(str(error)) from None


@contextmanager
def _told(out: Output) -> Iterator[Callable[[str], None]]:
    """Shows which step is being taken."""
    with out.talk.status("…") as status:
        yield lambda text: status.update(text) if out.talk.is_terminal else out.say(text, "dim")


def _write(path: Path, data: bytes) -> None:
    """In one step, so that a model that is in use is never half a model."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as part:
        part.write(data)
    Path(part.name).replace(path)


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
