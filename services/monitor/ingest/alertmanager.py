"""Reads what Alertmanager and Grafana post (webhook, version 4 and 1) and what Prometheus posts to an Alertmanager.

Unknown members are ignored. What cannot be an alert is named by its place, and what can be is taken all the same.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.errors import Invalid
from services.monitor.domain.integration import SEVERITY_LABEL, Integration
from services.monitor.domain.signal import AlertKind, AssetHint, Severity, Signal, Status
from services.monitor.ingest.fingerprint import fingerprint

MOST_ALERTS = 10_000
RESOLVE_TIMEOUT = timedelta(minutes=5)
"""After this a firing alert without an end counts as over, unless it is sent again (Alertmanager's `resolve_timeout`)."""

AHEAD = timedelta(minutes=5)
"""How far a sender's clock may be ahead of ours. An instant beyond that says nothing, and is read as absent."""

SEVERITIES: Mapping[str, Severity] = {
    word: severity
    for severity, words in {
        Severity.CRITICAL: ("critical", "crit", "page", "fatal", "emergency", "disaster", "alert", "p1"),
        Severity.ERROR: ("error", "err", "high", "major", "severe", "p2"),
        Severity.WARNING: ("warning", "warn", "medium", "average", "minor", "p3"),
        Severity.INFO: ("info", "information", "informational", "notice", "low", "none", "debug", "p4", "p5"),
    }.items()
    for word in words
}
_UNAVAILABLE = re.compile(r"(Down|Unreachable|Absent|Missing|NotReady|Unavailable|Offline|Dead)$")
_NAMES = ("fqdn", "hostname", "host", "nodename", "node", "host_name", "host.name", "instance", "ip", "address")
_FINGERPRINT = re.compile(r"[0-9a-f]{8,64}")
_PORT = re.compile(r"^\[?([^\[\]]*?)\]?:\d{1,5}$")
_FIRST_YEAR = 1900  # the zero time of Go is in the year 1 and means: not said
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Read:
    """The signals of a request, and what is wrong with the rest, by its place in the body."""

    signals: list[Signal]
    violations: dict[str, str]
    truncated: int = 0


def webhook(body: Any, integration: Integration | None, now: datetime) -> Read:
    """A notification of Alertmanager or Grafana. Raises `Invalid` when it is none: a body of somebody's own making."""
    if not isinstance(body, dict) or not isinstance(body.get("alerts"), list):
        raise Invalid({"alerts": "should be the list of alerts that Alertmanager sends without a payload template"})
    source = "grafana" if "orgId" in body else "alertmanager"
    truncated = body.get("truncatedAlerts")

    def read(alert: dict[str, Any], labels: dict[str, str]) -> Signal:
        status = alert.get("status")
        if status not in ("firing", "resolved"):
            raise _Fault("status", "should be firing or resolved")
        given = alert.get("fingerprint")
        known = given if isinstance(given, str) and _FINGERPRINT.fullmatch(given) else ""
        return _Making(labels, alert, integration, source, now).made(
            known or fingerprint(labels),
            Status.FIRING if status == "firing" else Status.RESOLVED,
            _instant(alert, "startsAt"),
            _instant(alert, "endsAt") if status == "resolved" else None,
        )

    return _each(body["alerts"], "alerts", read, truncated if isinstance(truncated, int) else 0)


def alerts(body: Any, integration: Integration | None, now: datetime) -> Read:
    """What is posted to `/api/v2/alerts`. Raises `Invalid` when it is no list."""
    if not isinstance(body, list):
        raise Invalid({"": "should be a list of alerts"})

    def read(alert: dict[str, Any], labels: dict[str, str]) -> Signal:
        start, end = _instant(alert, "startsAt"), _instant(alert, "endsAt")
        making = _Making(labels, alert, integration, "prometheus", now)
        if end is not None and end <= now:
            return making.made(fingerprint(labels), Status.RESOLVED, start or end, end)
        return making.made(fingerprint(labels), Status.FIRING, start, None, end or now + RESOLVE_TIMEOUT)

    return _each(body, "", read)


class _Fault(ValueError):
    def __init__(self, member: str, text: str) -> None:
        super().__init__(text)
        self.member, self.text = member, text


def _each(items: list[Any], path: str, read: Callable[[dict[str, Any], dict[str, str]], Signal], truncated: int = 0) -> Read:
    if len(items) > MOST_ALERTS:
        raise Invalid({path: f"{MOST_ALERTS} alerts at most"})
    signals, violations = [], {}
    for place, item in enumerate(items):
        try:
            if not isinstance(item, dict):
                raise _Fault("", "should be an object")
            labels = _texts(item, "labels")
            if not labels:
                raise _Fault("labels", "should hold at least one label")
            signals.append(read(item, labels))
        except _Fault as fault:
            violations[f"{path}[{place}]{fault.member and f'.{fault.member}'}"] = fault.text
    return Read(signals, dict(list(violations.items())[:_MOST_NAMED]), truncated)


@dataclass(frozen=True, slots=True)
class _Making:
    """One alert on its way to a signal."""

    labels: dict[str, str]
    alert: dict[str, Any]
    integration: Integration | None
    source: str
    now: datetime

    def made(
        self, print_: str, status: Status, start: datetime | None, end: datetime | None, expire: datetime | None = None
    ) -> Signal:
        labels, integration = self.labels, self.integration
        annotations = _texts(self.alert, "annotations")
        url = self.alert.get("generatorURL")
        name = labels.get("alertname", "")
        start, end = self._plausible(start), self._plausible(end)
        if status is Status.RESOLVED and end is None:
            end = self.now
        return Signal(
            fingerprint=print_,
            status=status,
            severity=_severity(labels, integration),
            title=_worded(annotations.get("summary"), annotations.get("title")) or _title(labels),
            description=annotations.get("description") or annotations.get("message") or "",
            labels=labels,
            annotations=annotations,
            kind=AlertKind.AVAILABILITY if _UNAVAILABLE.search(name) else AlertKind.EVENT,
            source=self.source,
            integration_id=integration.id if integration else "",
            asset_hint=_hint(labels, integration),
            team_id=integration.team_id if integration else "",
            start_time=start or self.now,
            start_known=start is not None,
            end_time=end,
            expire_time=expire,
            generator_url=url if isinstance(url, str) else "",
            group_key=_group_key(labels, integration),
        )

    def _plausible(self, instant: datetime | None) -> datetime | None:
        # Bounded to now plus a little it would be another one each time that it is sent, and so a change to tell.
        return None if instant is None or instant > self.now + AHEAD else instant


def _severity(labels: Mapping[str, str], integration: Integration | None) -> Severity:
    word = labels.get(integration.severity_label if integration else SEVERITY_LABEL, "").strip().lower()
    own = integration.severities.get(word) if integration else None
    return own or SEVERITIES.get(word, Severity.WARNING)


def _title(labels: Mapping[str, str]) -> str:
    what = _worded(labels.get("alertname"), *labels.values())
    where = _worded(labels.get("instance"))
    return f"{what} on {where}" if where else what


def _worded(*texts: str | None) -> str:
    """The first of the texts that says something, without blanks around it."""
    return next((said for text in texts if text and (said := text.strip())), "")


def _hint(labels: Mapping[str, str], integration: Integration | None) -> AssetHint:
    names = dict.fromkeys(
        name for label in _NAMES if (value := labels.get(label)) for name in (_PORT.sub(r"\1", value), value) if name
    )
    fallback = integration.asset_id if integration else ""
    return AssetHint(asset_id=labels.get("asset_id", ""), names=tuple(names), fallback_id=fallback)


def _group_key(labels: Mapping[str, str], integration: Integration | None) -> str:
    if integration is None or not integration.group_by:
        return ""
    return f"{integration.id}/" + ",".join(f"{name}={labels.get(name, '')}" for name in integration.group_by)


def _texts(alert: Mapping[str, Any], member: str) -> dict[str, str]:
    given = alert.get(member)
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise _Fault(member, "should be an object of texts")
    return {name: value for name, value in given.items() if value}  # an empty label is no label (Prometheus data model)


def _instant(alert: Mapping[str, Any], member: str) -> datetime | None:
    """An instant, no finer than it is kept; None for the zero time and where it is absent."""
    given = alert.get(member)
    if given is None or given == "":
        return None
    try:
        instant = datetime.fromisoformat(given)
        if instant.year < _FIRST_YEAR:
            return None
        instant = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise _Fault(member, "should be an instant such as 2026-03-02T08:00:00Z") from None
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
