"""The generated pages of `docs/`: `python -m docs.generate` writes them, a contract test holds them to the code.

Every page is a function without arguments that gives the whole text; what it says comes from descriptors, settings classes,
the table of roles and the listings, so a page can be out of date but never of another opinion.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from cli.main import app
from cli.reference import page as cli_page
from docs.generate import chart, coverage, events, permissions, rest, scale, settings

ROOT = Path(__file__).parents[2]

PAGES: Mapping[str, Callable[[], str]] = {
    "docs/reference/cli.md": lambda: cli_page(app),
    "docs/reference/events.md": events.page,
    "docs/reference/openapi.json": rest.description,
    "docs/reference/permissions.md": permissions.page,
    "docs/reference/rest.md": rest.page,
    "docs/reference/settings.md": settings.page,
    **events.documents(),
    "docs/coverage.md": coverage.page,
    "docs/scale.md": scale.page,
    "helm/itsm/README.md": chart.page,
}
"""Path in the repository → its text."""


def write(root: Path = ROOT) -> list[str]:
    """Writes the pages that are out of date and gives their paths."""
    written = []
    for path, page in PAGES.items():
        text, file = page(), root / path
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            written.append(path)
    return written
