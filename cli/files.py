"""Records that people write into files: YAML, of which JSON is a part. Fails with `CliError`, naming the file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
import yaml

from cli.errors import CliError


class _Plain(yaml.SafeLoader):
    """Instants stay as they are written: the platform reads them."""


_Plain.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in known if tag != "tag:yaml.org,2002:timestamp"]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def documents(file: Path) -> Iterator[dict[str, Any]]:
    """The documents of a file, each the fields of a record; `-` is stdin."""
    try:
        text = typer.get_text_stream("stdin").read() if str(file) == "-" else file.read_text(encoding="utf-8")
        for document in yaml.load_all(text, _Plain):
            if document is None:
                continue
            if not isinstance(document, dict):
                raise CliError(f"{file} should hold the fields of records")
            yield document
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CliError(f"{file} cannot be read: {error}") from error
