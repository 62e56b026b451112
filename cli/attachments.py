"""`itsm inc attach | attachments | download | detach`: files of an incident."""

import hashlib
import mimetypes
from base64 import b64encode
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from cli.client import segment
from cli.errors import CliError
from cli.session import Form, Trace, opened

COLUMNS = ("id", "fileName", "mediaType", "size", "internal", "uploaderId", "createTime")
PATH = "/api/v1/incidents"

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="INC0001042, or the id.")]
Id = Annotated[str, typer.Argument(metavar="ATTACHMENT", help="The id of the file, att_….")]


def add_to(app: typer.Typer) -> None:
    """Makes them commands of `app`."""
    app.command()(attach)
    app.command()(attachments)
    app.command()(download)
    app.command()(detach)


def attach(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file.")],
    number: Number,
    name: Annotated[str, typer.Option("--name", help="What it is called there; as here when absent.")] = "",
    internal: Annotated[bool, typer.Option("--internal", help="The reporter does not see it.")] = False,
    output: Form = None,
    trace: Trace = False,
) -> None:
    """Add a file to an incident."""
    try:
        digest = b64encode(_digest(file)).decode()
    except OSError as error:
        raise CliError(f"{file}: {error.strerror}") from error
    headers = {
        "content-type": mimetypes.guess_type(name or file.name)[0] or "application/octet-stream",
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name or file.name, safe='')}",
        "content-digest": f"sha-256=:{digest}:",
    }
    with opened(output, trace=trace) as session:
        query = {"internal": "true"} if internal else {}
        made = session.client.upload(f"{PATH}/{segment(number)}/attachments", file, query=query, headers=headers).data
        session.out.records([made], COLUMNS)


def attachments(number: Number, output: Form = None, trace: Trace = False) -> None:
    """List the files of an incident, the newest first."""
    with opened(output, trace=trace) as session:
        found = session.client.pages(f"{PATH}/{segment(number)}/attachments", "attachments", limit=None)
        session.out.records(found, COLUMNS, empty="it has no files")


def download(
    number: Number,
    id: Id,  # noqa: A002 - the word of the command
    to: Annotated[Path | None, typer.Option("--to", help="The file; called as it is there when absent.")] = None,
    trace: Trace = False,
) -> None:
    """Fetch a file of an incident. One that is here already is not written over, unless it is named."""
    with opened(None, trace=trace) as session:
        path = f"{PATH}/{segment(number)}/attachments/{segment(id)}"
        file = to or Path(Path(session.client.get(path)["fileName"]).name)
        if to is None and file.exists():
            raise CliError(f"{file} is here already; name another with --to")
        size = session.client.fetch(f"{path}/content", file)
        session.out.say(f"{file}: {size} bytes", "green")


def detach(number: Number, id: Id, trace: Trace = False) -> None:  # noqa: A002 - as above
    """Remove a file from an incident, for good."""
    with opened(None, trace=trace) as session:
        path = f"{PATH}/{segment(number)}/attachments/{segment(id)}"
        session.send("DELETE", path, etag=session.client.get(path)["etag"])
        session.out.say(f"{id}: removed", "green")


def _digest(file: Path) -> bytes:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").digest()
