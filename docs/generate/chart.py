"""`helm/itsm/README.md`: a page of words, the presets, and a table of every value with the comment before it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docs.generate.markdown import BANNER, table

CHART = Path(__file__).parents[2] / "helm" / "itsm"
_TEMPLATE = Path(__file__).with_name("chart.template.md")
_KEY = re.compile(r"^(?P<indent> *)(?P<key>[\w.-]+):(?: +(?P<value>.+))?$")


@dataclass(frozen=True, slots=True)
class Value:
    """One key: where it is, its default as it is written, what it means."""

    path: str
    default: str
    meaning: str


def page() -> str:
    """The whole page."""
    rows = [(f"`{value.path}`", f"`{value.default}`" if value.default else "", value.meaning) for value in values()]
    presets = [(f"`ci/{file.name}`", _first_line(file)) for file in sorted((CHART / "ci").glob("*.yaml"))]
    parts = {
        "presets": "\n".join(table(("values", "what they show"), presets)),
        "values": "\n".join(table(("value", "default", "meaning"), rows)),
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"{{{{{name}}}}}", part)
    return f"{BANNER}\n\n{text}"


def values(file: Path = CHART / "values.yaml") -> Iterator[Value]:
    """Every key with a value of its own, and every group of keys with a comment. Values and lists go over one line.

    Raises `ValueError` for a line that is neither a key nor a comment.
    """
    above: list[tuple[int, str]] = []
    comment: list[str] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            comment = []
        elif line.lstrip().startswith("#"):
            comment.append(line.strip("# ").removeprefix("-- "))
        else:
            found = _KEY.match(line)
            if found is None:
                raise ValueError(f"{file.name}:{number} is no key on one line: {line}")
            above = [outer for outer in above if outer[0] < len(found["indent"])]
            path = ".".join([*(key for _, key in above), found["key"]])
            if found["value"] is None:
                above.append((len(found["indent"]), found["key"]))
            if found["value"] is not None or comment:
                yield Value(path, found["value"] or "", " ".join(comment))
            comment = []


def _first_line(file: Path) -> str:
    """What the comment at the top of a preset says."""
    return file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
