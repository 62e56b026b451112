"""What need not be written anew each time: templates of incidents, and replies."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from itsm.incident import v1 as pb

from chassis.errors import Invalid
from services.incident.domain import limits, placeholders
from services.incident.domain.kept import TEXT, Kept, Shared
from services.incident.domain.moment import Act
from services.incident.domain.priority import Impact, Urgency

_OF_INCIDENTS = ("title", "description", "impact", "urgency", "category", "service_id", "asset_ids")


@dataclass(slots=True, kw_only=True)
class TicketTemplate(Kept):
    """What incidents of a kind begin with."""

    CREATED: ClassVar = pb.TicketTemplateCreated
    UPDATED: ClassVar = pb.TicketTemplateUpdated
    DELETED: ClassVar = pb.TicketTemplateDeleted

    purpose: str = ""
    title: str = ""
    description: str = ""
    impact: Impact = Impact.MEDIUM
    urgency: Urgency = Urgency.MEDIUM
    category: str = ""
    service_id: str = ""
    team_id: str = ""
    asset_ids: list[str] = field(default_factory=list)

    @property
    def begins_with(self) -> dict[str, Any]:
        """The fields of an incident made from it."""
        return {name: getattr(self, name) for name in _OF_INCIDENTS}

    def faults(self, now: Act) -> dict[str, str]:  # noqa: ARG002 - see `Kept`
        """See `Kept`."""
        wrong = {} if len(self.purpose) <= TEXT else {"purpose": f"may have {TEXT} characters"}
        try:
            limits.check({**self.begins_with, "team_id": self.team_id})
        except Invalid as refused:
            wrong |= refused.violations
        return wrong


@dataclass(slots=True, kw_only=True)
class CannedReply(Shared):
    """An answer that is often given, with places for what the incident says."""

    CREATED: ClassVar = pb.CannedReplyCreated
    UPDATED: ClassVar = pb.CannedReplyUpdated
    SHARED: ClassVar = pb.CannedReplyShared
    DELETED: ClassVar = pb.CannedReplyDeleted

    text: str = ""

    def faults(self, now: Act) -> dict[str, str]:  # noqa: ARG002 - see `Kept`
        """See `Kept`."""
        if not 0 < len(self.text.strip()) <= TEXT or len(self.text) > TEXT:
            return {"text": f"needs 1 to {TEXT} characters"}
        try:
            placeholders.check(self.text, "text")
        except Invalid as refused:
            return dict(refused.violations)
        return {}
