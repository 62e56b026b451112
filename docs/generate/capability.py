"""What a row of `docs/coverage.md` is made of, and which of the tests that it names there are."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[2] / "tests"
MATRIX = ("e2e/test_matrix.py::test_only_what_the_table_allows_is_let_in",)
"""The permission case of every RPC."""


@dataclass(frozen=True, slots=True)
class Capability:
    """`works`, `refused` and `denied` are tests on the live stack as `file::test`; `below` are folders or files beneath it."""

    name: str
    works: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    below: tuple[str, ...] = field(default=())


@cache
def _bodies(file: str) -> dict[str, str]:
    path = TESTS / file
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    defined = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lines = text.splitlines()
    return {node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in defined if node.name.startswith("test_")}


def names(file: str) -> tuple[str, ...]:
    """The tests of a file below `tests/`; none where there is no such file."""
    return tuple(_bodies(file))


def there(tests: Iterable[str]) -> list[str]:
    """Those of these tests that there are."""
    pairs = [(test, *test.split("::")) for test in tests]
    return [test for test, file, name in pairs if name in names(file)]


def restarting(tests: Iterable[str]) -> list[str]:
    """Those of these tests in which a service ends and comes back: only what is `breakable` can be ended."""
    found = []
    for test in there(tests):
        file, _, name = test.partition("::")
        if "breakable" in _bodies(file)[name]:
            found.append(test)
    return found


def cell(tests: Iterable[str]) -> str:
    """Those that there are, by name."""
    return "; ".join(f"`{test.partition('::')[2].removeprefix('test_')}`" for test in there(tests)) or "none yet"
