"""What a row of `docs/coverage.md` is made of."""

from dataclasses import dataclass, field

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
