"""What people write to a service desk and what it answers: our own sentences, with places for the names of things.

They lie in `words.yaml`. Places: `{site}`, `{app}`, `{service}`, `{vm}`, `{database}`, `{printer}`, `{switch}`, `{laptop}`,
`{person}`, `{number}`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml


class Topic(msgspec.Struct, frozen=True):
    """A category: how often it is about it, who solves it, which sort of asset it names, how it is told and how it ends."""

    weight: int
    team: str
    asset: str
    titles: list[str]
    told: list[str]
    solved: list[str]


class Measured(msgspec.Struct, frozen=True):
    """What is measured: its name, how bad it is, which sort of asset it is about, how it reads, how often it comes."""

    name: str
    severity: str
    asset: str
    title: str
    weight: int


class Words(msgspec.Struct, frozen=True):
    """All that is said. `waiting` is by the reason to wait; `outage` is how many people tell of one outage."""

    topics: Mapping[str, Topic]
    waiting: Mapping[str, list[str]]
    notes: list[str]
    answers: list[str]
    codes: list[str]
    outage: list[str]
    alerts: list[Measured]


def data(name: str) -> Any:
    """A file of data beside this one."""
    return yaml.safe_load((Path(__file__).parent / name).read_text())


WORDS = msgspec.convert(data("words.yaml"), Words)
