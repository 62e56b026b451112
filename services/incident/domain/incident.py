"""The incident: what its verbs demand, what they change, and the one event that tells of each.

The table of moves is in `states.py`, the promises and clocks in `levels.py` and `clock.py`, what it holds in `ticket.py`;
what it does with other incidents is in `joining.py`. A verb raises `ForbiddenMove` for a state or a rule that says no,
`Invalid` for input that is wrong; the incident must then be thrown away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from itsm.incident import v1 as pb

from chassis.domain import Event
from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain import limits
from services.incident.domain.escalation import Step
from services.incident.domain.joining import Joined
from services.incident.domain.levels import Moment
from services.incident.domain.link import Link
from services.incident.domain.moves import moved
from services.incident.domain.priority import Urgency, heavier, prioritize
from services.incident.domain.replay import Replayed
from services.incident.domain.states import MOVES, HoldReason, Source, State
from services.incident.domain.watching import watched

__all__ = ["Incident", "Source"]


@dataclass(slots=True, kw_only=True)
class Incident(Replayed, Joined):
    """An unplanned interruption of a service, from first report to closure."""

    @classmethod
    def open(cls, moment: Moment, *, id: str, number: str, title: str, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new incident with its priority and running clocks. Raises `Invalid` for fields beyond their limits."""
        limits.check({"title": title, **given})
        given.setdefault("requester_id", moment.by)
        incident = cls(id=id, number=number, title=title, create_time=moment.at, update_time=moment.at, **given)
        incident.priority = prioritize(incident.impact, incident.urgency, incident.matrix_version)
        incident.clocks = moment.levels.begin(incident.facts, moment.at)
        incident._changed(pb.IncidentOpened(), moment)
        return incident

    def edit(self, moment: Moment, **fields: Any) -> None:
        """Changes named fields; a changed priority or policy re-targets the clocks. Nothing changed, nothing is told."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        if not fields:
            return
        if self.state.is_final:
            raise ForbiddenMove(self.state, "update")
        limits.check(fields)
        before = self.facts
        self._begin(moment)
        for name, value in fields.items():
            setattr(self, name, value)
        if {"impact", "urgency"} & fields.keys():
            self.priority = prioritize(self.impact, self.urgency, self.matrix_version)
        self._retarget(before, moment)
        self._changed(pb.IncidentUpdated(), moment)

    def hear_alert(self, moment: Moment, alert_id: str, urgency: Urgency, *, newly: bool) -> None:
        """An alert of it fires, `newly` or worse than it was. It names the first thousand and counts all."""
        self.edit(moment, **self._heard(alert_id, urgency, newly=newly))

    def come_back(
        self, moment: Moment, alert_id: str, urgency: Urgency, *, newly: bool, reason: str, window: timedelta
    ) -> None:
        """An alert of it fires although it was resolved."""
        for name, value in self._heard(alert_id, urgency, newly=newly).items():
            setattr(self, name, value)
        self.priority = prioritize(self.impact, self.urgency, self.matrix_version)
        self.reopen(moment, reason=reason, window=window)

    def alert_cleared(self, moment: Moment, *, code: str, text: str) -> None:
        """One of its alerts is over. The last one resolves it, unless a person opened it or has ended it."""
        left = max(self.firing_alert_count - 1, 0)
        if left or not self.state.is_open or self.source is not Source.ALERT:
            self.edit(moment, firing_alert_count=left)
            return
        self.firing_alert_count = left
        self.resolve(moment, resolution_code=code, resolution=text)

    def _heard(self, alert_id: str, urgency: Urgency, *, newly: bool) -> dict[str, Any]:
        fields: dict[str, Any] = {"urgency": heavier(self.urgency, urgency)} if self.source is Source.ALERT else {}
        if newly:
            fields["firing_alert_count"] = self.firing_alert_count + 1
            if alert_id not in self.alert_ids:
                fields["alert_ids"] = [*self.alert_ids, alert_id][: limits.ALERTS]
        return fields

    def assign(self, moment: Moment, *, team_id: str, assignee_id: str = "") -> None:
        """Gives it to a team and, where named, to a person; the same owner again changes nothing."""
        after = moved(MOVES, self.state, "assign")
        limits.check({"team_id": team_id, "assignee_id": assignee_id})
        if not team_id.strip():
            raise Invalid({"team_id": "must name the team that owns it"})
        if (self.team_id, self.assignee_id, self.state) == (team_id, assignee_id, after):
            return
        self._begin(moment)
        before, self.state = self.facts, after
        reassigned = self._hand_over(team_id, assignee_id)
        if assignee_id and moment.by_person:
            self._acknowledge(moment)
        self._retarget(before, moment)
        self._changed(pb.IncidentAssigned(reassigned=reassigned), moment)

    def start(self, moment: Moment) -> None:
        """Work begins, by the caller where nobody was assigned and a person calls: no rule or key owns work."""
        self._move("start", moment)
        if moment.by_person:
            if not self.assignee_id:
                self._hand_over(self.team_id, moment.by)
            self._acknowledge(moment)
        self._changed(pb.IncidentStarted(), moment)

    def hold(self, moment: Moment, reason: HoldReason, *, note: str = "") -> None:
        """Waits for somebody or something; the caller must be told when it is the caller."""
        self._move("hold", moment)
        if reason is HoldReason.CALLER and not note.strip():
            raise Invalid({"note": "tell the caller what you wait for"})
        self.hold_reason = reason
        moment.levels.pause(self.clocks, reason, moment.at)
        self._changed(pb.IncidentHeld(reason=reason.value), moment)

    def resume(self, moment: Moment) -> None:
        """Takes work up again."""
        self._move("resume", moment)
        self._wake(moment)
        self._changed(pb.IncidentResumed(), moment)

    def resolve(self, moment: Moment, *, resolution_code: str, resolution: str) -> None:
        """Says how it ended; the clocks stop."""
        self._move("resolve", moment)
        limits.check({"resolution_code": resolution_code, "resolution": resolution}, required=True)
        self._end_work(moment, resolution_code)
        self.resolution = resolution
        self._changed(pb.IncidentResolved(resolution_code=resolution_code), moment)

    def reopen(self, moment: Moment, *, reason: str, window: timedelta) -> None:
        """It is not over: clocks go on where they stopped. Only within `window` after it was resolved."""
        limits.check({"reason": reason}, required=True)
        if self.state is State.RESOLVED and self.resolve_time is not None and moment.at > self.resolve_time + window:
            raise ForbiddenMove(self.state, "reopen", f"it was resolved more than {window.days} days ago: open a new one")
        self._move("reopen", moment)
        self._back_to_work(moment, reason)
        self.reopen_count += 1
        self._changed(pb.IncidentReopened(reason=reason), moment)

    def close(self, moment: Moment) -> None:
        """Over for good."""
        self._move("close", moment)
        self.close_time = moment.at
        self._changed(pb.IncidentClosed(), moment)

    def cancel(self, moment: Moment, *, reason: str) -> None:
        """It was none: its clocks count nowhere."""
        self._move("cancel", moment)
        limits.check({"reason": reason}, required=True)
        self._withdraw(moment, reason)
        self._changed(pb.IncidentCancelled(reason=reason), moment)

    def link(self, moment: Moment, link: Link) -> None:
        """Refers to another record; a reference that is there already changes nothing."""
        limits.check_link(link.target, f"incidents/{self.id}")
        if link in self.links:
            return
        if len(self.links) >= limits.LINKS:
            raise Invalid({"link": f"there are {limits.LINKS} references already"})
        self.links = [*self.links, link]
        self._changed(pb.IncidentLinked(link=link.message()), moment)

    def unlink(self, moment: Moment, link: Link) -> None:
        """Takes a reference away; one that is not there changes nothing."""
        if link in self.links:
            self.links = [other for other in self.links if other != link]
            self._changed(pb.IncidentLinked(link=link.message(), removed=True), moment)

    def watch(self, moment: Moment, more: Sequence[str], fewer: Sequence[str] = ()) -> None:
        """Some watch it from now on and some no longer do; where that is so already, nothing is told."""
        after = watched(self.watcher_ids, more, fewer)
        if after != self.watcher_ids:
            self.watcher_ids = after
            self._changed(pb.IncidentWatched(), moment)

    def remind(self, moment: Moment) -> None:
        """Who holds it up is told once more that it waits."""
        self.reminded += 1
        self.follow_up_time = moment.levels.next_step(self.state, self.hold_reason, self.reminded, moment.at)
        self._changed(pb.IncidentReminded(number=self.reminded), moment)

    def escalated(self, step: Step, late_by_ms: int) -> Event:
        """See `Promised`."""
        return pb.IncidentEscalated(step=step, late_by_ms=late_by_ms)

    def updated(self) -> Event:
        """See `Promised`."""
        return pb.IncidentUpdated()
