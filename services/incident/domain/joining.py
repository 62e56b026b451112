"""Incidents that are one trouble, and one that is two: what merging, its way back and splitting change.

The survivor of a merger keeps the earliest start of each of its clocks and its own pauses. The one that ends keeps what it was,
so that a merger that was none is taken back: its clocks then count on as if nothing had been, since nobody stopped waiting.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from itsm.incident import v1 as pb

from chassis.errors import ForbiddenMove, Invalid
from services.incident.domain import limits
from services.incident.domain.levels import Moment
from services.incident.domain.link import Link, LinkKind
from services.incident.domain.ticket import BeforeMerge, Ticket
from services.incident.domain.watching import fitting

MERGED = 100
"""How many an incident takes in."""


@dataclass(slots=True, kw_only=True)
class Joined(Ticket):
    """An incident among others."""

    def relink(self, moment: Moment, old: Link, new: Link | None) -> None:
        """One reference takes the place of another, or of none; one that is there already stays."""
        links = [link for link in self.links if link not in (old, new)]
        self.links = [*links, new] if new is not None else links
        self._changed(pb.IncidentLinked(link=(new or old).message(), removed=new is None), moment)

    def move_up(self, moment: Moment, merged_id: str, into_id: str) -> None:
        """Its parent was merged: it is a child of the other from now on; of none where that is empty."""
        new = _child_of(into_id) if into_id else None
        self.moved_from = list(dict.fromkeys([*self.moved_from, f"{merged_id}>{into_id}"]))
        self.relink(moment, _child_of(merged_id), new)

    def move_back(self, moment: Moment, merged_id: str, into_id: str) -> None:
        """That merger was none: it is a child of the first again, unless somebody has given it another parent since."""
        moves = {f"{merged_id}>{into_id}": _child_of(into_id), f"{merged_id}>": None}
        here = [link for move, link in moves.items() if move in self.moved_from and self._stays_at(link)]
        if here and len(self.links) < limits.LINKS:
            self.moved_from = [move for move in self.moved_from if move not in moves]
            self.relink(moment, here[0] or _child_of(merged_id), _child_of(merged_id))

    def _stays_at(self, link: Link | None) -> bool:
        return link in self.links if link is not None else not self.parent_ids

    def absorb(self, moment: Moment, other: Ticket) -> BeforeMerge:
        """Takes in another that is the same trouble, while that still is what it was; says what it was and what was new of it.

        Raises `ForbiddenMove` where one of them is not open, or this one has taken in as many as it can.
        """
        for each in (self, other):
            if not each.state.is_open:
                raise ForbiddenMove(each.state, "merge", f"{each.number} is not open: only open incidents are merged")
        if len(self.merged_ids) + len(other.merged_ids) >= MERGED:
            raise ForbiddenMove(self.state, "merge", f"an incident takes in {MERGED} others")
        self._begin(moment)
        gained = BeforeMerge(
            state=other.state,
            hold_reason=other.hold_reason,
            clocks=deepcopy(other.clocks),
            told=list(other.told),
            asset_ids=_new(other.asset_ids, self.asset_ids, limits.ASSETS),
            alert_ids=_new(other.alert_ids, self.alert_ids, limits.ALERTS),
            firing_alert_count=other.firing_alert_count,
        )
        starts = {clock.kind: clock.start_time for clock in other.clocks if clock.is_open}
        self.clocks, fresh = moment.levels.merge(self.clocks, starts, moment.at)
        self._tell_afresh(fresh, moment.at)
        self.asset_ids = [*self.asset_ids, *gained.asset_ids]
        self.alert_ids = [*self.alert_ids, *gained.alert_ids]
        self.firing_alert_count += other.firing_alert_count
        self.watcher_ids = [*self.watcher_ids, *fitting(self.watcher_ids, other.watcher_ids)]
        self.merged_ids = [*self.merged_ids, other.id, *other.merged_ids]
        self.merged_keys = [*self.merged_keys, *(key for key in (other.dedup_key, *other.merged_keys) if key)]
        self._changed(pb.IncidentAbsorbed(merged_id=other.id), moment)
        return gained

    def merge(self, moment: Moment, into_id: str, was: BeforeMerge) -> None:
        """Ends as a duplicate of the other, which is what its id stands for from now on."""
        self._move("merge", moment)
        self._withdraw(moment, "merged")
        self.merged_into_id, self.before_merge, self.firing_alert_count = into_id, was, 0
        link = _duplicate(into_id)
        if link not in self.links and len(self.links) < limits.LINKS:
            self.links = [*self.links, link]
        self._changed(pb.IncidentMerged(into_id=into_id), moment)

    def release(self, moment: Moment, other: Ticket, firing: int) -> None:
        """Gives back what it got of another that was merged into it, of whose alerts so many fire. Its clocks keep their start:
        what was promised since then stays promised."""
        was = _before(other)
        gone = {other.id, *other.merged_ids}
        self.merged_ids = [each for each in self.merged_ids if each not in gone]
        self.merged_keys = [key for key in self.merged_keys if key not in (other.dedup_key, *other.merged_keys)]
        self.asset_ids = [each for each in self.asset_ids if each not in was.asset_ids]
        self.alert_ids = [each for each in self.alert_ids if each not in was.alert_ids]
        self.firing_alert_count = max(self.firing_alert_count - firing, 0)
        self._changed(pb.IncidentAbsorbed(merged_id=other.id, undone=True), moment)

    def unmerge(self, moment: Moment, reason: str, firing: int) -> None:
        """It is a trouble of its own after all: it is again what it was, and its clocks have counted on."""
        was, into_id = _before(self), self.merged_into_id
        limits.check({"reason": reason}, required=True)
        self.state, self.hold_reason, self.close_time = was.state, was.hold_reason, None
        self.clocks, self.told, self.firing_alert_count = was.clocks, was.told, firing
        self.links = [link for link in self.links if link != _duplicate(into_id)]
        self.merged_into_id, self.before_merge = "", None
        self._begin(moment)
        self._changed(pb.IncidentMerged(into_id=into_id, undone=True, reason=reason), moment)

    def split_off(self, moment: Moment, child_id: str) -> None:
        """A part of it goes on as an incident of its own."""
        if self.state.is_final:
            raise ForbiddenMove(self.state, "split")
        if len(self.links) >= limits.LINKS:
            raise Invalid({"link": f"there are {limits.LINKS} references already"})
        self.links = [*self.links, Link(kind=LinkKind.RELATED, target=f"incidents/{child_id}")]
        self._changed(pb.IncidentSplit(child_id=child_id), moment)


def _before(ticket: Ticket) -> BeforeMerge:
    if ticket.before_merge is None:
        raise ForbiddenMove(ticket.state, "unmerge", "it was not merged into another")
    return ticket.before_merge


def _duplicate(id: str) -> Link:  # noqa: A002 - the field's name everywhere
    return Link(kind=LinkKind.DUPLICATE_OF, target=f"incidents/{id}")


def _child_of(id: str) -> Link:  # noqa: A002 - as above
    return Link(kind=LinkKind.PARENT, target=f"incidents/{id}")


def _new(of_other: Sequence[str], own: Sequence[str], most: int) -> list[str]:
    return [each for each in of_other if each not in own][: max(most - len(own), 0)]
