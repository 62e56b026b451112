"""The incident: what its verbs demand, what they change, and the one event that tells of each.

The table of moves is in `states.py`, the promises and clocks in `levels.py` and `clock.py`. A verb raises `ForbiddenMove`
for a state or a rule that says no, `Invalid` for input that is wrong; the incident must then be thrown away.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Self

from itsm.incident import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain import limits
from services.incident.domain.clock import Clock, ClockKind
from services.incident.domain.escalation import Due, Step, label, passed, planned
from services.incident.domain.history import Imported, Update
from services.incident.domain.levels import Moment
from services.incident.domain.link import Link
from services.incident.domain.moves import moved
from services.incident.domain.priority import MATRIX_VERSION, Impact, Priority, Urgency, heavier, prioritize
from services.incident.domain.sla import Facts
from services.incident.domain.states import MOVES, HoldReason, Source, State
from services.incident.domain.watching import watched


@dataclass(slots=True, kw_only=True)
class Incident(Aggregate):
    """An unplanned interruption of a service, from first report to closure."""

    number: str
    title: str
    description: str = ""
    state: State = State.NEW
    hold_reason: HoldReason | None = None
    impact: Impact = Impact.MEDIUM
    urgency: Urgency = Urgency.MEDIUM
    priority: Priority = Priority.P3
    source: Source = Source.API
    service_id: str = ""
    asset_ids: list[str] = field(default_factory=list)
    alert_ids: list[str] = field(default_factory=list)
    firing_alert_count: int = 0
    requester_id: str = ""
    team_id: str = ""
    assignee_id: str = ""
    category: str = ""
    dedup_key: str = ""
    clocks: list[Clock] = field(default_factory=list)
    resolution_code: str = ""
    resolution: str = ""
    reopen_count: int = 0
    reassignment_count: int = 0
    create_time: datetime
    update_time: datetime
    acknowledge_time: datetime | None = None
    resolve_time: datetime | None = None
    close_time: datetime | None = None
    external_number: str = ""
    imported_made_sla: bool | None = None
    links: list[Link] = field(default_factory=list)
    watcher_ids: list[str] = field(default_factory=list)
    # Kept inside: what the timer still has to tell and has told, the matrix that ranked it, and what its promises went by
    # when it was resolved.
    next_due_time: datetime | None = None
    told: list[str] = field(default_factory=list)
    matrix_version: int = MATRIX_VERSION
    resolved_facts: Facts | None = None

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

    @property
    def facts(self) -> Facts:
        """What decides which policy holds."""
        return Facts(service_id=self.service_id, team_id=self.team_id, category=self.category, priority=self.priority)

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
        self._replan(before, moment)
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
        self._replan(before, moment)
        self._changed(pb.IncidentAssigned(reassigned=reassigned), moment)

    def start(self, moment: Moment) -> None:
        """Work begins, by the caller where nobody was assigned."""
        self._move("start", moment)
        if not self.assignee_id:
            self._hand_over(self.team_id, moment.by)
        if moment.by_person:
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

    def waits_since(self, now: datetime) -> datetime | None:
        """Since when the reporter waits to hear, where the clock for that has a step due by now."""
        waiting = (
            c for c in self.clocks if c.kind is ClockKind.NEXT_UPDATE and c.warn_time and c.warn_time <= now and c.is_open
        )
        return next((clock.start_time for clock in waiting), None)

    def hear(self, moment: Moment, heard: datetime | None) -> bool:
        """Restarts the clock for the next update at the instant at which the reporter last heard."""
        if heard is None:
            return False
        self.clocks, fresh = moment.levels.restart(self.clocks, ClockKind.NEXT_UPDATE, heard)
        self._tell_afresh(fresh, heard)
        return True

    def catch_up(self, moment: Moment, heard: datetime | None) -> None:
        """Lets the clocks know of edited calendars and of what the reporter heard; tells when that changed one."""
        moved = moment.levels.catch_up(self.clocks)
        if self.hear(moment, heard) or moved:
            self._changed(pb.IncidentUpdated(), moment)

    def escalate(self, moment: Moment) -> Due | None:
        """Tells of the first step that is due by now, stamped at its due instant; None when there is none (any more)."""
        for due in planned(self.clocks, self.told)[:1]:
            if due.at <= moment.at:
                self.told = [*self.told, label(due.clock, due.step)]
                if due.step is Step.BREACHED:
                    due.clock.check(moment.at)
                late = int((moment.at - due.at) / timedelta(milliseconds=1))
                self._changed(pb.IncidentEscalated(step=due.step, late_by_ms=min(late, 2**31 - 1)), moment)
                return due
        return None

    @classmethod
    def taken_over(cls, moment: Moment, *, id: str, number: str, told: Imported) -> Self:  # noqa: A002 - as its field
        """An incident of another system as it was opened there, before its first update is replayed."""
        limits.check({"title": told.title, "description": told.description, "external_number": told.external_number})
        incident = cls(
            id=id,
            number=number,
            title=told.title,
            description=told.description,
            source=Source.IMPORT,
            requester_id=told.requester_id,
            external_number=told.external_number,
            imported_made_sla=told.made_sla,
            create_time=told.open_time,
            update_time=told.open_time,
        )
        incident._copy(told.updates[0])
        incident.clocks = moment.levels.begin(incident.facts, told.open_time)
        return incident

    def imported(self, moment: Moment, update: Update, *, source: str, known_at: datetime) -> None:
        """Replays one update at its time. What the clocks missed by `known_at` is flagged and never told: it is history."""
        before, was = self.facts, self.state
        self._copy(update)
        self._replan(before, moment)
        if self.assignee_id or update.state is State.IN_PROGRESS:
            self._acknowledge(moment)
        if update.state is not was or update.hold_reason is not self.hold_reason:
            self._follow(was, update, moment)
        for clock in self.clocks:
            clock.check(known_at)
        self.told = [*self.told, *passed(self.clocks, self.told, known_at)]
        self._changed(pb.IncidentImported(source=source, external_actor=update.actor), moment)

    def _follow(self, was: State, update: Update, moment: Moment) -> None:
        over = (State.RESOLVED, State.CLOSED)
        self._wake(moment)
        self.state = update.state
        if update.state is State.ON_HOLD and update.hold_reason is not None:
            self.hold_reason = update.hold_reason
            moment.levels.pause(self.clocks, update.hold_reason, moment.at)
        if update.state in over and was not in over:
            self._end_work(moment, update.resolution_code)
        if update.state.is_open and not was.is_open:
            self._back_to_work(moment, "reopened there")
        if update.state is State.CANCELLED:
            self._withdraw(moment, "cancelled there")
        self.close_time = moment.at if update.state.is_final else None

    def _copy(self, update: Update) -> None:
        limits.check({name: getattr(update, name) for name in _COPIED})
        for name in _COPIED:
            if (value := getattr(update, name)) is not None:
                setattr(self, name, value)
        self.priority = prioritize(self.impact, self.urgency, self.matrix_version)

    def plan(self) -> None:
        """Says when the timer must look again."""
        steps = planned(self.clocks, self.told)
        self.next_due_time = steps[0].at if steps else None

    def _begin(self, moment: Moment) -> None:
        moment.levels.catch_up(self.clocks)

    def _move(self, verb: str, moment: Moment) -> None:
        after = moved(MOVES, self.state, verb)
        self._begin(moment)
        self.state = after

    def _hand_over(self, team_id: str, assignee_id: str) -> bool:
        """The new owner; whether another had it. Taking it from the queue of one's own team is no change of hands."""
        before = ((self.team_id, team_id), (self.assignee_id, assignee_id))
        changed = any(old and old != new for old, new in before)
        self.team_id, self.assignee_id = team_id, assignee_id
        self.reassignment_count += changed
        return changed

    def _acknowledge(self, moment: Moment) -> None:
        if self.acknowledge_time is None:
            self.acknowledge_time = moment.at
        moment.levels.stop(self.clocks, moment.at, (ClockKind.RESPONSE,), "acknowledged")

    def _wake(self, moment: Moment) -> None:
        if self.hold_reason is not None:
            moment.levels.resume(self.clocks, self.hold_reason, moment.at)
        self.hold_reason = None

    def _end_work(self, moment: Moment, code: str) -> None:
        self._wake(moment)
        self.resolve_time, self.resolution_code, self.resolved_facts = moment.at, code, self.facts
        moment.levels.stop(self.clocks, moment.at, reason="resolved")

    def _back_to_work(self, moment: Moment, reason: str) -> None:
        self.resolution_code = self.resolution = ""
        self.close_time = None
        moment.levels.reopen(self.clocks, moment.at, reason)
        self._replan(self.resolved_facts or self.facts, moment)

    def _withdraw(self, moment: Moment, reason: str) -> None:
        self.hold_reason, self.close_time = None, moment.at
        moment.levels.cancel(self.clocks, moment.at, reason)

    def _replan(self, before: Facts, moment: Moment) -> None:
        """Gives the clocks the targets that the facts now ask for. What that finds missed is flagged, not told."""
        if self.facts == before:
            return
        kept = {(clock.kind, clock.start_time, clock.target) for clock in self.clocks if clock.is_open}
        owed = set(ClockKind) if self.state.is_open else set()
        if self.acknowledge_time is not None:
            owed.discard(ClockKind.RESPONSE)
        self.clocks = moment.levels.replan(self.clocks, self.facts, moment.at, owed, began=self.create_time)
        if self.hold_reason is not None:
            moment.levels.pause(self.clocks, self.hold_reason, moment.at)
        fresh = [c for c in self.clocks if c.is_open and (c.kind, c.start_time, c.target) not in kept]
        self._tell_afresh(fresh, moment.at)

    def _tell_afresh(self, clocks: Iterable[Clock], at: datetime) -> None:
        clocks = list(clocks)
        labels = {label(clock, step) for clock in clocks for step in Step}
        told = [each for each in self.told if each not in labels]
        self.told = [*told, *passed(clocks, told, at)]

    def _changed(self, event: Event, moment: Moment) -> None:
        self.update_time = moment.at
        self.plan()
        self.record(event)


# What an imported update says under the same name is taken over as it is; its state is followed instead.
_COPIED = tuple(
    name
    for name in (each.name for each in fields(Update))
    if name in {own.name for own in fields(Incident)} - {"state", "hold_reason"}
)
