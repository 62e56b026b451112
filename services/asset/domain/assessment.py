"""What an incident takes down, as it was when it was worked out: a snapshot that later changes of the graph leave alone."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from itsm.asset import v1 as pb

from chassis.domain import Aggregate
from services.asset.domain.asset import Criticality

MOST_HITS = 200


def assessment_id(incident_id: str) -> str:
    """An incident has one assessment: its id follows from the incident's."""
    return f"ima_{incident_id.partition('_')[2] or incident_id}"


@dataclass(slots=True, kw_only=True)
class ImpactAssessment(Aggregate):
    """The impact of one incident."""

    incident_id: str
    asset_ids: list[str]
    unknown_asset_ids: list[str] = field(default_factory=list)
    service_ids: list[str] = field(default_factory=list)
    criticality: Criticality | None = None
    hit_count: int = 0
    at_risk_count: int = 0
    hit_asset_ids: list[str] = field(default_factory=list)
    graph_version: str = ""
    create_time: datetime
    update_time: datetime

    @classmethod
    def of(cls, incident_id: str, at: datetime, **found: Any) -> Self:
        """The first assessment of an incident."""
        assessment = cls(id=assessment_id(incident_id), incident_id=incident_id, create_time=at, update_time=at, **found)
        assessment.record(pb.ImpactAssessed())
        return assessment

    def revise(self, at: datetime, **found: Any) -> None:
        """Takes over what was found now; the same again changes nothing and tells nothing."""
        if all(getattr(self, name) == value for name, value in found.items()):
            return
        for name, value in found.items():
            setattr(self, name, value)
        self.update_time = at
        self.record(pb.ImpactAssessed())
