"""The stages of the pipeline: each looks at an open alert and may keep it from people, let it wait, or say something of it.

Pure functions of the alert and the situation that it is in; what a stage decides is kept as evidence.
"""

from collections.abc import Mapping, Sequence

from services.monitor.domain.alert import DOWN, Alert, SuppressionReason
from services.monitor.domain.dependency import Fault
from services.monitor.domain.pipeline import (
    DEPENDENCY,
    FLAPPING,
    GROUP,
    MAINTENANCE,
    SILENCE,
    Outcome,
    Situation,
    Stage,
    Step,
    route,
)
from services.monitor.domain.signal import AlertKind, Severity


def is_down(alert: Alert) -> bool:
    """Whether an open alert says that its asset does not work, so that others may fail with it."""
    return bool(alert.asset_id) and alert.kind is AlertKind.AVAILABILITY and alert.severity in DOWN


def fault(alert: Alert) -> Fault:
    """What an alert means to those that need its asset."""
    return Fault(alert.asset_id, f"alerts/{alert.id}", alert.start_time, told=alert.route_time is not None)


def described(alert: Alert, names: Mapping[str, str]) -> dict[str, str]:
    """The labels that silences see, of an alert; `names` are those of assets."""
    return labelled(
        alert.labels,
        severity=alert.severity,
        kind=alert.kind,
        alert_source=alert.source,
        alert_title=alert.title,
        asset_id=alert.asset_id,
        asset_name=names.get(alert.asset_id, ""),
        team_id=alert.team_id,
        check_id=alert.check_id,
        integration_id=alert.integration_id,
    )


def labelled(labels: Mapping[str, str], *, severity: Severity, kind: AlertKind, **known: str) -> dict[str, str]:
    """The labels of a sender, and what we know of an alert beside them; what we know comes first."""
    told = {**known, "alert_severity": severity.value, "alert_kind": kind.value}
    return {**labels, **{name: value for name, value in told.items() if value}}


def maintenance(alert: Alert, situation: Situation) -> Step | None:
    """Keeps alerts of what is worked on, or fails because it is."""
    window = situation.maintained.get(alert.asset_id)
    if window is None:
        return None
    return Step(
        stage=MAINTENANCE,
        outcome=Outcome.SUPPRESSED,
        reason="its asset, or one that it needs, is under maintenance",
        reference=window,
        suppression=SuppressionReason.MAINTENANCE,
    )


def silence(alert: Alert, situation: Situation) -> Step | None:
    """Keeps alerts that somebody does not want to hear of for a time; of several silences the one that lasts longest."""
    if not situation.silences:
        return None
    labels = described(alert, situation.names)
    found = [each for each in situation.silences if each.covers(labels, situation.now)]
    if not found:
        return None
    kept = max(found, key=lambda each: (each.end_time, each.id))
    return Step(
        stage=SILENCE,
        outcome=Outcome.SUPPRESSED,
        reason=kept.comment,
        reference=f"silences/{kept.id}",
        suppression=SuppressionReason.SILENCE,
    )


def dependency(alert: Alert, situation: Situation) -> Step | None:
    """Keeps alerts that follow from the failure of what their asset needs, and lets others wait for such a failure.

    A cause may be noticed later than its consequence: by another check, with another interval, from another place.
    """
    cause = situation.causes.get(alert.asset_id)
    if cause is not None:
        name = situation.names.get(cause.asset_id, cause.asset_id)
        return Step(
            stage=DEPENDENCY,
            outcome=Outcome.SUPPRESSED,
            reason=f"its asset needs {name}, which does not work",
            reference=cause.reference,
            suppression=SuppressionReason.DEPENDENCY,
        )
    until = alert.create_time + situation.hold
    if alert.asset_id not in situation.depending or until <= situation.now:
        return None
    return Step(
        stage=DEPENDENCY,
        outcome=Outcome.HELD,
        reason="its asset needs others, one of which may turn out to be the cause",
        hold_until=until,
    )


def flapping(alert: Alert, situation: Situation) -> Step | None:
    """Keeps alerts that come and go too often until they have been steady for a while."""
    history = situation.histories.get(alert.fingerprint)
    if history is None or not history.flapping:
        return None
    return Step(
        stage=FLAPPING,
        outcome=Outcome.SUPPRESSED,
        reason=f"it comes and goes: {history.percent:.1f} % of the last intervals, weighted, saw a change",
        fields={"flapping": True},
        suppression=SuppressionReason.FLAPPING,
    )


def group(alert: Alert, situation: Situation) -> Step | None:  # noqa: ARG001 - as every stage
    """Says which alerts share an incident with it."""
    if alert.group_key == alert.fingerprint:
        return None
    return Step(stage=GROUP, outcome=Outcome.GROUPED, reason=f"it shares an incident with all of {alert.group_key}")


PIPELINE: Sequence[Stage] = (maintenance, silence, dependency, flapping, group, route)
