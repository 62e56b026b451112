"""What a check's change of state tells the alert pipeline.

A check has two fingerprints: `check/<id>` for what is wrong with its target, `check/<id>/no-data` for not knowing. Silence
ends no alert of the first kind: a target does not get well because nobody looks any more.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from services.monitor.domain.check import Check, State, Turn
from services.monitor.domain.check_settings import MEASURED, Kind, host_of
from services.monitor.domain.signal import AlertKind, AssetHint, Severity, Signal, Status

SOURCE = "check"

_THRESHOLDS = MEASURED | {Kind.TLS}
_SAID = {State.DEGRADED: "is degraded", State.DOWN: "is down", State.UP: "is up again"}


def fingerprint(check_id: str) -> str:
    """Of the alert about a check's target."""
    return f"check/{check_id}"


def signals(check: Check, turn: Turn) -> list[Signal]:
    """What is told of a turn, in the order in which it is to be taken."""
    return [*_of_level(check, turn), *_of_silence(check, turn)]


def _of_level(check: Check, turn: Turn) -> Iterator[Signal]:
    if turn.level is turn.level_before:
        return
    started = turn.problem or turn.at
    kind = AlertKind.THRESHOLD if check.kind in _THRESHOLDS else AlertKind.AVAILABILITY
    severity = check.severity
    if turn.level is State.DEGRADED or (turn.level is State.UP and turn.level_before is State.DEGRADED):
        severity = max(severity, Severity.WARNING, key=lambda each: each.rank)
    title = f"{check.name} {_SAID[turn.level]}"
    told = _signal(check, fingerprint(check.id), turn.level is State.UP, severity, kind, title, turn.message, started, turn.at)
    yield replace(told, severity_time=turn.level_time)


def _of_silence(check: Check, turn: Turn) -> Iterator[Signal]:
    if turn.silent is turn.silent_before:
        return
    started = turn.silence or turn.at
    title = f"{check.name} is not known" if turn.silent else f"{check.name} is heard of again"
    severity = max(check.severity, Severity.WARNING, key=lambda each: each.rank)
    yield _signal(
        check,
        f"{fingerprint(check.id)}/no-data",
        not turn.silent,
        severity,
        AlertKind.EVENT,
        title,
        turn.message,
        started,
        turn.at,
    )


def _signal(
    check: Check,
    identity: str,
    over: bool,
    severity: Severity,
    kind: AlertKind,
    title: str,
    description: str,
    start_time: datetime,
    at: datetime,
) -> Signal:
    host = host_of(check.kind, check.target)
    return Signal(
        fingerprint=identity,
        status=Status.RESOLVED if over else Status.FIRING,
        severity=severity,
        title=title,
        description=description,
        labels={"check": check.name, "kind": check.kind.value, **({"target": check.target} if check.target else {})},
        kind=kind,
        source=SOURCE,
        check_id=check.id,
        asset_hint=AssetHint(asset_id=check.asset_id, names=(host,) if host else ()),
        start_time=min(start_time, at),
        end_time=at if over else None,
    )
