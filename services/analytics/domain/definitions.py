"""What each figure means: one meaning a name. A change of meaning raises the version and never reuses the old one.

Population of every figure unless it says otherwise: merged records (linked as a duplicate of another), cancelled ones and
children of a parent are out. All days are UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.analytics.domain.facts import State
from services.analytics.projections import backlog


class Unit(StrEnum):
    """What the numbers of a figure are in."""

    SECONDS = "s"
    RATIO = "ratio"
    INCIDENTS = "incidents"
    ALERTS = "alerts"


class About(StrEnum):
    """What a figure counts, which decides what it can be filtered by."""

    INCIDENTS = "incidents"
    ALERTS = "alerts"
    OUTAGES = "outages"


class GroupBy(StrEnum):
    """What figures can be grouped by."""

    SERVICE = "service"
    TEAM = "team"
    PRIORITY = "priority"
    CATEGORY = "category"
    ASSET = "asset"
    SEVERITY = "severity"
    DAY = "day"


GROUPS: Mapping[About, tuple[GroupBy, ...]] = {
    About.INCIDENTS: (GroupBy.SERVICE, GroupBy.TEAM, GroupBy.PRIORITY, GroupBy.CATEGORY, GroupBy.DAY),
    About.ALERTS: (GroupBy.ASSET, GroupBy.TEAM, GroupBy.SEVERITY, GroupBy.DAY),
    About.OUTAGES: (GroupBy.ASSET, GroupBy.TEAM),
}
"""What a figure can be grouped by."""

# As the same things are named in filters.
_FIELDS = {"serviceId": GroupBy.SERVICE, "teamId": GroupBy.TEAM, "assetId": GroupBy.ASSET}


def group_named(text: str) -> GroupBy | None:
    """The group of this name, also as filters name it; None where there is none."""
    return _FIELDS.get(text) or next((group for group in GroupBy if group == text), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One figure. `series` names the parts that a group may have beside its whole."""

    name: str
    unit: Unit
    description: str
    definition: str
    version: int = 1
    series: tuple[str, ...] = ()
    about: About = About.INCIDENTS


_ALL = (
    Definition(
        name="incident-volume",
        unit=Unit.INCIDENTS,
        description="How many incidents were opened, resolved and closed.",
        definition="opened: created in the period. resolved: resolved in the period, once however often it came back in it."
        " closed: closed in the period.",
        series=("opened", "resolved", "closed"),
    ),
    Definition(
        name="incident-backlog",
        unit=Unit.INCIDENTS,
        description="How many incidents were open, by age in days.",
        definition="Incidents open at the snapshot instant, by time since creation; each age includes its lower bound and"
        " excludes its upper one; those on hold apart. Without an end of the period the instant is now; with one, or by day,"
        " daily snapshots of 00:00 UTC count, the last one inside of the period.",
        series=backlog.SERIES,
    ),
    Definition(
        name="mtta",
        unit=Unit.SECONDS,
        description="Mean time to acknowledge.",
        definition="Incidents first acknowledged in the period: creation to the first acknowledgement by a person. Automatic"
        " assignment is none, a later one does not move it. unacknowledged: incidents created in the period, open and"
        " not acknowledged, with their time of waiting so far.",
        series=("unacknowledged",),
    ),
    Definition(
        name="mttr-resolve",
        unit=Unit.SECONDS,
        description="Mean time to resolve, elapsed.",
        definition="Incidents whose final resolution lies in the period: creation to the last resolution, pauses and the time"
        " between a resolution and a reopening included. An incident that is open again has no final resolution.",
    ),
    Definition(
        name="mttr-resolve-business",
        unit=Unit.SECONDS,
        description="Mean time to resolve, in business time.",
        definition="Incidents whose final resolution lies in the period and that have a resolve clock: the business time that"
        " the clock counted in the calendar in force then, without pauses.",
    ),
    Definition(
        name="sla-attainment",
        unit=Unit.RATIO,
        description="Share of service-level targets that were met.",
        definition="Targets met / targets decided in the period, per clock: decided when stopped, or when breached even if"
        " still open. Running and not yet due is in neither; cancelled targets are out. An incident with"
        " two targets counts twice.",
        series=("RESPONSE", "RESOLVE", "NEXT_UPDATE"),
    ),
    Definition(
        name="imported-sla",
        unit=Unit.RATIO,
        description="Share of imported incidents that met their service level by the verdict of the system they came from.",
        definition="Imported incidents with a verdict whose final resolution lies in the period: those with a good verdict"
        " / all.",
    ),
    Definition(
        name="reopen-rate",
        unit=Unit.RATIO,
        description="Share of resolved incidents that came back.",
        definition="Incidents resolved in the period and later reopened / incidents resolved in the period; each counts once,"
        " in the period of the resolution that did not hold. Provisional until the reopen window of the period is over.",
    ),
    Definition(
        name="reassignment-rate",
        unit=Unit.RATIO,
        description="Share of resolved incidents that changed hands.",
        definition="Incidents whose final resolution lies in the period: those that changed team or person after the first"
        " assignment / all.",
    ),
    Definition(
        name="incidents-by-state",
        unit=Unit.INCIDENTS,
        description="How incidents stand now.",
        definition="Incidents created in the period by their present state. An inventory: nothing is out, cancelled and merged"
        " records and children neither.",
        series=tuple(State),
    ),
    Definition(
        name="alert-volume",
        unit=Unit.ALERTS,
        description="How many alerts there were, and how many of them reached people.",
        definition="fired: began in the period. routed: were let through to people in the period. suppressed: began in the"
        " period and never were.",
        series=("fired", "routed", "suppressed"),
        about=About.ALERTS,
    ),
    Definition(
        name="mttr-restore",
        version=2,
        unit=Unit.SECONDS,
        description="Mean time to restore.",
        definition="Outages that ended in the period: start to end. An outage of an asset is the time in which at least one"
        " alert said, as CRITICAL or ERROR, that it is not available, whether or not people were told; the time in which an"
        " alert said less is none, overlapping ones are one. Outages in a maintenance window are out.",
        about=About.OUTAGES,
    ),
    Definition(
        name="downtime",
        version=2,
        unit=Unit.SECONDS,
        description="How long assets were out.",
        definition="Outages as in mttr-restore, those that last included: their seconds within the period, summed over the"
        " assets. count: how many outages these are.",
        about=About.OUTAGES,
    ),
)

DEFINITIONS = {definition.name: definition for definition in sorted(_ALL, key=lambda each: each.name)}
