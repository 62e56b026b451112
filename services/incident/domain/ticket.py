"""What an incident holds, and how its clocks and its one event move with it; the verbs are in `incident.py` and beside it."""

from dataclasses import dataclass, field
from datetime import datetime

from itsm.incident import v1 as pb

from chassis.domain import Event
from services.incident.domain.clock import Clock, ClockKind
from services.incident.domain.follow_up import key_of
from services.incident.domain.levels import Moment
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.moves import moved
from services.incident.domain.priority import MATRIX_VERSION, Impact, Priority, Urgency
from services.incident.domain.promised import Promised
from services.incident.domain.sla import Facts
from services.incident.domain.states import MOVES, HoldReason, Source, State


@dataclass(slots=True, kw_only=True)
class BeforeMerge:
    """What an incident was before it was merged, and what the other got of it."""

    state: State
    hold_reason: HoldReason | None = None
    clocks: list[Clock] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    asset_ids: list[str] = field(default_factory=list)
    alert_ids: list[str] = field(default_factory=list)
    firing_alert_count: int = 0


@dataclass(slots=True, kw_only=True)
class Ticket(Promised):
    """What an incident is. What begins with `_` is for its verbs, which are in the classes above this one."""

    number: str
    title: str
    description: str = ""
    state: State = State.NEW
    impact: Impact = Impact.MEDIUM
    urgency: Urgency = Urgency.MEDIUM
    priority: Priority = Priority.P3
    source: Source = Source.API
    service_id: str = ""
    asset_ids: list[str] = field(default_factory=list)
    alert_ids: list[str] = field(default_factory=list)
    firing_alert_count: int = 0
    team_id: str = ""
    assignee_id: str = ""
    category: str = ""
    dedup_key: str = ""
    resolution_code: str = ""
    resolution: str = ""
    reopen_count: int = 0
    reassignment_count: int = 0
    resolve_time: datetime | None = None
    close_time: datetime | None = None
    external_number: str = ""
    imported_made_sla: bool | None = None
    links: list[Link] = field(default_factory=list)
    watcher_ids: list[str] = field(default_factory=list)
    blocked_by_children: bool = False
    ends_with_children: bool = False
    merged_into_id: str = ""
    merged_ids: list[str] = field(default_factory=list)
    # Kept inside: the matrix that ranked it, and what its promises went by when it was resolved.
    matrix_version: int = MATRIX_VERSION
    resolved_facts: Facts | None = None
    # What follows by itself: what it waits for, how often people were reminded of that, when the next step is due.
    followed: str = ""
    reminded: int = 0
    follow_up_time: datetime | None = None
    # What it was before it was merged into another, and the keys of alerts that came with those merged into it.
    before_merge: BeforeMerge | None = None
    merged_keys: list[str] = field(default_factory=list)
    # The mergers that took its parents: `inc_merged>inc_into`, or `inc_merged>` where it got no other.
    moved_from: list[str] = field(default_factory=list)

    @property
    def facts(self) -> Facts:
        """What decides which policy holds."""
        return Facts(service_id=self.service_id, team_id=self.team_id, category=self.category, priority=self.priority)

    @property
    def parent_ids(self) -> list[str]:
        """The incidents that it is a child of."""
        parents = (link.target for link in self.links if link.kind is LinkKind.PARENT)
        return [target.rpartition("/")[2] for target in parents if target.startswith("incidents/")]

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

    def _end_work(self, moment: Moment, code: str) -> None:
        self._wake(moment)
        self.resolve_time, self.resolution_code, self.resolved_facts = moment.at, code, self.facts
        moment.levels.stop(self.clocks, moment.at, reason="resolved")

    def _back_to_work(self, moment: Moment, reason: str) -> None:
        self.resolution_code = self.resolution = ""
        self.close_time = None
        moment.levels.reopen(self.clocks, moment.at, reason)
        self._retarget(self.resolved_facts or self.facts, moment)

    def _withdraw(self, moment: Moment, reason: str) -> None:
        self.hold_reason, self.close_time = None, moment.at
        moment.levels.cancel(self.clocks, moment.at, reason)

    def _retarget(self, before: Facts, moment: Moment) -> None:
        """Gives the clocks the targets that the facts now ask for; one that has ended owes nothing more."""
        self._replan(before, moment, owed=ClockKind if self.state.is_open else (), began=self.create_time)

    def _changed(self, event: Event, moment: Moment) -> None:
        if not isinstance(event, pb.IncidentImported):  # what waited elsewhere is history
            self._follow_up(moment)
        # Alone, `super` names the class as it was before it got slots.
        super(Ticket, self)._changed(event, moment)

    def _follow_up(self, moment: Moment) -> None:
        """Where it began to wait for something else, says what follows from that, and when."""
        key = key_of(self.state, self.hold_reason)
        if key != self.followed:
            self.followed, self.reminded = key, 0
            self.follow_up_time = moment.levels.next_step(self.state, self.hold_reason, 0, moment.at)
