"""What is to be checked, as the platform says it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from agent.times import seconds_of

SHORTEST, LONGEST = 1.0, 86_400.0


class Kind(StrEnum):
    """Kinds that an agent runs."""

    PROCESS = "PROCESS"
    DISK = "DISK"
    MEMORY = "MEMORY"
    CPU = "CPU"


class Unknown(Exception):
    """A check that this version of the agent cannot run; the message says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `degraded` and `down` are limits in percent, 0 for none; they only say how urgent a result is here, the
    platform judges by them. `confirm` is how many results in a row decide there.
    """

    id: str
    kind: Kind
    target: str
    interval: float
    timeout: float
    command_line: str = ""
    minimum: int = 1
    degraded: float = 0.0
    down: float = 0.0
    confirm: int = 2


def check(told: Mapping[str, Any]) -> Check:
    """A check from its JSON; what is not needed here is passed over. Raises `Unknown`."""
    try:
        process, limits = told.get("process") or {}, told.get("limits") or {}
        interval = min(LONGEST, max(SHORTEST, seconds_of(told.get("interval") or "60s")))
        return Check(
            id=str(told["id"]),
            kind=Kind(told["kind"]),
            target=str(told.get("target", "")),
            interval=interval,
            timeout=min(interval, seconds_of(told.get("timeout") or "10s")),
            command_line=str(process.get("commandLine", "")),
            minimum=int(process.get("minimum") or 1),
            degraded=float(limits.get("degraded") or 0),
            down=float(limits.get("down") or 0),
            confirm=max(int(told.get("raiseAfter") or 2), int(told.get("clearAfter") or 1)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unknown(f"check {told.get('id', '?')} is not understood: {error}") from error


def known(listed: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Check], list[str]]:
    """The checks that can be run, by id, and why the others cannot."""
    found: dict[str, Check] = {}
    problems = []
    for told in listed:
        if told.get("enabled") is False:
            continue
        try:
            one = check(told)
        except Unknown as error:
            problems.append(str(error))
            continue
        found[one.id] = one
    return found, problems
