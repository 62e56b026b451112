"""Dashboards that every tenant has without anything being written. Nobody changes them, everybody may copy them.

The console has words of its own for them in each language; those here are for everybody else.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from services.analytics.domain.dashboard import Dashboard, Sharing
from services.analytics.domain.tile import Measure, Tile, TileKind

_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
_OPEN = "state IN (NEW, ASSIGNED, IN_PROGRESS, ON_HOLD)"


def _tile(id: str, kind: TileKind, title: str, kpi: str, *place: int, **more: Any) -> Tile:  # noqa: A002 - as its field
    x, y, w, h = place
    return Tile(id=id, kind=kind, title=title, kpi=kpi, x=x, y=y, w=w, h=h, **more)


_NUMBER, _BAR, _LINE = TileKind.NUMBER, TileKind.BAR, TileKind.LINE
_SERVICE_DESK = (
    _tile("open", _NUMBER, "Open incidents", "incidents-by-state", 0, 0, 3, 2, filter=_OPEN, all_time=True),
    _tile("acknowledge", _NUMBER, "Time to acknowledge", "mtta", 3, 0, 3, 2),
    _tile("resolve", _NUMBER, "Time to resolve", "mttr-resolve", 6, 0, 3, 2),
    _tile("levels", _NUMBER, "Service levels met", "sla-attainment", 9, 0, 3, 2),
    _tile(
        *("priority", _BAR, "Open by priority", "incidents-by-state", 0, 2, 4, 4),
        group_by="priority",
        filter=_OPEN,
        all_time=True,
    ),
    _tile("team", _BAR, "Open by team", "incidents-by-state", 4, 2, 4, 4, group_by="team", filter=_OPEN, all_time=True),
    _tile(
        "clocks", _BAR, "Met, by kind of target", "sla-attainment", 8, 2, 4, 4, series=["RESPONSE", "RESOLVE", "NEXT_UPDATE"]
    ),
    _tile("volume", _LINE, "Opened and resolved", "incident-volume", 0, 6, 6, 4, group_by="day", series=["opened", "resolved"]),
    _tile("backlog", _LINE, "Open at midnight (UTC)", "incident-backlog", 6, 6, 6, 4, group_by="day", series=[""]),
    _tile("age", TileKind.HEAT_MAP, "Age of what is open", "incident-backlog", 0, 10, 8, 4, group_by="team", all_time=True),
    _tile(
        "category", TileKind.DONUT, "Opened by category", "incident-volume", 8, 10, 4, 4, group_by="category", series=["opened"]
    ),
    _tile("sla-days", _LINE, "Service levels met, by day", "sla-attainment", 0, 14, 8, 4, group_by="day", series=[""]),
    _tile("came-back", _NUMBER, "Came back", "reopen-rate", 8, 14, 4, 2),
    _tile("changed-hands", _NUMBER, "Changed hands", "reassignment-rate", 8, 16, 4, 2),
    _tile("slow", TileKind.TABLE, "Time to resolve by team", "mttr-resolve", 0, 18, 12, 4, group_by="team"),
)
_ALERTS = (
    _tile("fired", _NUMBER, "Alerts", "alert-volume", 0, 0, 3, 2, series=["fired"]),
    _tile("routed", _NUMBER, "Told to people", "alert-volume", 3, 0, 3, 2, series=["routed"]),
    _tile("restore", _NUMBER, "Time to restore", "mttr-restore", 6, 0, 3, 2),
    _tile("outages", _NUMBER, "Outages", "downtime", 9, 0, 3, 2, measure=Measure.COUNT),
    _tile(
        *("days", _LINE, "Alerts by day", "alert-volume", 0, 2, 8, 4),
        group_by="day",
        series=["fired", "routed", "suppressed"],
    ),
    _tile("severity", TileKind.DONUT, "By severity", "alert-volume", 8, 2, 4, 4, group_by="severity", series=["fired"]),
    _tile("loud", _BAR, "Loudest assets", "alert-volume", 0, 6, 6, 4, group_by="asset", series=["fired"]),
    _tile("out", _BAR, "Longest out", "downtime", 6, 6, 6, 4, group_by="asset"),
)


def _shipped(id: str, name: str, description: str, tiles: tuple[Tile, ...]) -> Dashboard:  # noqa: A002 - as its field
    return Dashboard(
        id=id,
        version=1,
        name=name,
        description=description,
        tiles=list(tiles),
        sharing=Sharing.EVERYBODY,
        built_in=True,
        create_time=_SINCE,
        update_time=_SINCE,
        publish_time=_SINCE,
    )


SHIPPED: Mapping[str, Dashboard] = {
    each.id: each
    for each in (
        _shipped(
            "service-desk",
            "Service desk overview",
            "How the desk stands: what is open, how fast it is worked on, and whether promises are kept.",
            _SERVICE_DESK,
        ),
        _shipped("alerts", "Alerts and outages", "What the monitoring saw, who was told, and what was out.", _ALERTS),
    )
}
"""By id, which is a plain word."""
