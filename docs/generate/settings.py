"""`docs/reference/settings.md`: every variable of every process, from the settings classes."""

import importlib
from collections.abc import Iterable
from enum import Enum
from typing import Any

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from chassis.events.topics import TopicSettings
from chassis.peers import SERVICES
from chassis.settings import Settings
from cli.settings import CliSettings
from docs.generate.markdown import table, text
from services.auth.realm.command import ProvisionSettings
from stack.options import CACHE_VARIABLE

_INTRODUCTION = """
# Settings

A process reads its environment once, at start, into one typed object; it ends with a message that names the variable when a
value is missing or of the wrong form. Where `ITSM_SECRETS_DIR` is set, each file of that folder is a variable too, named like
it in lower case (`itsm_mongo_uri`); the environment wins. The local stack sets all of them itself.
"""


def page() -> str:
    """The whole page."""
    blocks: list[Any] = [_INTRODUCTION, "## Every process", _variables(Settings, ())]
    for service in SERVICES:
        kind = getattr(importlib.import_module(f"services.{service}.app"), "Settings", Settings)
        if kind is not Settings and issubclass(kind, Settings):
            blocks += [f"## {service}", _variables(kind, Settings.model_fields)]
    blocks += [
        "## `python -m services.auth provision` and `verify-realm`",
        _variables(ProvisionSettings, Settings.model_fields),
        "## `python -m chassis.events.topics`",
        _variables(TopicSettings, Settings.model_fields),
        "## The command line `itsm`",
        _variables(CliSettings, ()),
        "## The local stack",
        table(
            ("variable", "default", "meaning"),
            [(f"`{CACHE_VARIABLE}`", "`.state/cache`", "folder of downloads, for machines that keep one")],
        ),
        "`python -m stack up --set ITSM_LOG_LEVEL=DEBUG` hands a variable to every process of the stack.",
    ]
    return text(*blocks)


def _variables(kind: type[BaseSettings], without: Iterable[str]) -> list[str]:
    rows = [
        (f"`ITSM_{name.upper()}`", _default(field), (field.description or "") + _choices(field.annotation))
        for name, field in kind.model_fields.items()
        if name not in without
    ]
    return table(("variable", "default", "meaning"), rows)


def _default(field: Any) -> str:
    if field.is_required():
        return "**needed**"
    if field.default_factory is not None:
        return "of the system"
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Enum):
        value = value.value
    return "empty" if value in ("", None) else f"`{value}`"


def _choices(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "; one of " + ", ".join(f"`{each.value}`" for each in kind)
    return ""
