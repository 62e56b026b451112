"""Outages in the figures: spans of alerts merged asset by asset, on a real database, against an oracle of single seconds."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from itsm.monitor import v1 as monitor

from services.analytics.projections.alerts import ALERTS
from services.analytics.reactions import state_of
from tests.integration.analytics.conftest import Figures
from tests.support.incident_events import START, an_envelope

Alert = monitor.Alert


def an_alert(number: int, start: float, end: float | None, *, asset: str = "ast_db", **more: Any) -> monitor.Alert:
    """An alert that says for some seconds after the beginning that an asset is out."""
    alert = Alert(
        id=f"alr_{number}",
        asset_id=asset,
        team_id="team_db",
        kind=more.pop("kind", Alert.AVAILABILITY),
        severity=more.pop("severity", Alert.CRITICAL),
        state=Alert.FIRING if end is None else Alert.RESOLVED,
        start_time=START + timedelta(seconds=start),
        **more,
    )
    if end is not None:
        alert.end_time.FromDatetime(START + timedelta(seconds=end))
    return alert


async def told(figures: Figures, alerts: Iterable[monitor.Alert]) -> None:
    for alert in alerts:
        await figures.alerts.follow(state_of(alert, an_envelope("itsm.monitor.v1.AlertResolved", f"alerts/{alert.id}")))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


async def test_overlapping_alerts_of_an_asset_are_one_outage(figures: Figures) -> None:
    await told(figures, [an_alert(1, 0, 60), an_alert(2, 30, 100), an_alert(3, 200, 240), an_alert(4, 0, 10, asset="ast_web")])
    [row] = await figures.rows("mttr-restore", filter_text="assetId = ast_db")
    assert (row.value, row.count) == (70.0, 2)
    assert await figures.count("downtime", group_by="asset") == {"ast_db": 140.0, "ast_web": 10.0}
    assert await figures.count("downtime", start=at(50), end=at(220)) == {"": 70.0}


async def test_an_outage_that_lasts_counts_up_to_now_and_is_not_restored(figures: Figures) -> None:
    figures.clock.now = at(1_000)
    await told(figures, [an_alert(1, 0, 60), an_alert(2, 30, None)])
    assert await figures.rows("mttr-restore") == []
    assert await figures.count("downtime") == {"": 1_000.0}


async def test_maintenance_thresholds_and_slowness_are_no_outage(figures: Figures) -> None:
    planned = Alert.Suppression(reason=Alert.Suppression.MAINTENANCE)
    slow = an_alert(3, 0, 60, severity=Alert.WARNING)
    await told(figures, [an_alert(1, 0, 60, suppression=planned), an_alert(2, 0, 60, kind=Alert.THRESHOLD), slow])
    assert await figures.rows("downtime") == []


async def test_what_begins_slow_is_out_only_while_it_is_down(figures: Figures) -> None:
    began_slow = an_alert(1, 0, 3_600, severity=Alert.WARNING)
    for start, end in ((1_200, 1_300), (3_000, 3_020)):
        began_slow.outages.add(start_time=at(start), end_time=at(end))
    await told(figures, [began_slow, an_alert(2, 1_250, 1_310)])
    assert await figures.count("downtime") == {"": 130.0}
    assert await figures.count("downtime", start=at(0), end=at(1_200)) == {}
    [row] = await figures.rows("mttr-restore")
    assert (row.value, row.count) == (65.0, 2)


async def test_what_was_kept_before_alerts_told_of_their_outages_still_counts(figures: Figures) -> None:
    figures.clock.now = at(1_000)
    await told(figures, [an_alert(1, 0, 60), an_alert(2, 900, None), an_alert(3, 0, 90, severity=Alert.WARNING)])
    await figures.backend.update_many(ALERTS, {"tenant": "main"}, {"$unset": {"outages": ""}})
    await told(figures, [an_alert(4, 50, 80)])
    assert await figures.count("downtime") == {"": 180.0}
    [row] = await figures.rows("mttr-restore")
    assert (row.value, row.count) == (80.0, 1)


async def test_a_consequence_is_out_although_nobody_was_told(figures: Figures) -> None:
    await told(figures, [an_alert(1, 0, 60, suppression=Alert.Suppression(reason=Alert.Suppression.DEPENDENCY))])
    assert await figures.count("downtime") == {"": 60.0}
    assert await figures.count("alert-volume") == {"/fired": 1, "/suppressed": 1}


async def test_alerts_are_counted_by_what_became_of_them(figures: Figures) -> None:
    routed = an_alert(1, 0, 60)
    routed.route_time.FromDatetime(at(5))
    await told(figures, [routed, an_alert(2, 10, 20)])
    assert await figures.count("alert-volume", group_by="severity") == {"CRITICAL/fired": 2, "CRITICAL/routed": 1}
    assert await figures.count("alert-volume", start=at(6)) == {"/fired": 1}


async def test_downtime_equals_what_a_count_of_seconds_says(figures: Figures) -> None:
    random = Random(7)  # noqa: S311 - data, no secret
    spans = [(random.randrange(0, 400), random.randrange(1, 60), f"ast_{random.randrange(3)}") for _ in range(60)]
    await told(figures, [an_alert(n, start, start + length, asset=asset) for n, (start, length, asset) in enumerate(spans)])
    first, last = 100, 300
    out = {(asset, second) for start, length, asset in spans for second in range(start, start + length)}
    expected: dict[str, float | None] = {}
    for asset, second in out:
        if first <= second < last:
            expected[asset] = (expected.get(asset) or 0.0) + 1
    assert await figures.count("downtime", group_by="asset", start=at(first), end=at(last)) == expected
