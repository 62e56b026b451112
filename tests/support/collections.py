"""Every collection of every service, read from the code, and what is asked of some of them over all tenants."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from chassis import operations
from chassis.events import INDEXES as EVENT_INDEXES
from chassis.store import Index
from chassis.store.changes import INDEXES as CHANGE_INDEXES

ROOT = Path(__file__).parents[2]
SERVICES = tuple(sorted({path.parent.name for path in (ROOT / "services").glob("*/store*") if path.suffix in ("", ".py")}))

WHOLE: Mapping[str, str] = {
    "alert_rule_states": "the rules that something is raised for, once a round of the evaluation",
    "alert_rules": "all rules, once a round of the evaluation",
    "rebuilds": "one row for each tenant that asked for one",
    "sample_blocks": "blocks of samples that wait to be folded: the oldest of all tenants, by id",
    "tenants": "the tenants",
}
"""Collections that background work reads over all tenants without an index of their own for it → what it reads."""

ONCE: Mapping[str, frozenset[str]] = {"incidents": frozenset({"firing_alert_ids.0"}), "claims": frozenset({"expire_time"})}
"""Fields that data migrations look for over all tenants, once, without an index."""

_PLACES: Mapping[str, int] = {
    **dict.fromkeys(("Index", "Insert", "Update", "Delete", "due_index"), 0),
    **dict.fromkeys(("find", "find_one", "count", "update_many", "find_one_and_update", "aggregate", "watch", "documents"), 0),
    "Kind": 2,
    "DueWorker": 2,
}
"""Calls that name a collection → which argument does."""


def indexes(service: str) -> tuple[Index, ...]:
    """What a service declares, with what the chassis does for it."""
    own: tuple[Index, ...] = import_module(f"services.{service}.store").INDEXES
    return (*CHANGE_INDEXES, *EVENT_INDEXES, *operations.INDEXES, *own)


@cache
def collections(service: str) -> frozenset[str]:
    """The collections that a service's code names, the chassis's own included."""
    return frozenset(_named("chassis")) | frozenset(_named(f"services.{service}"))


def _named(package: str) -> Iterator[str]:
    for path in sorted((ROOT / package.replace(".", "/")).rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (argument := _argument(node)) is not None:
                name = _text(argument, module)
                if name:
                    yield name


def _argument(call: ast.Call) -> ast.expr | None:
    called = call.func.id if isinstance(call.func, ast.Name) else call.func.attr if isinstance(call.func, ast.Attribute) else ""
    place = _PLACES.get(called, len(call.args))
    return call.args[place] if place < len(call.args) else None


def _text(argument: ast.expr, module: str) -> str:
    """A name in capitals stands for a constant of the module; other names are arguments of somebody else's."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value.isidentifier():
        return argument.value
    if isinstance(argument, ast.Name) and argument.id.isupper():
        value = getattr(import_module(module), argument.id, "")
        return value if isinstance(value, str) else ""
    return ""
