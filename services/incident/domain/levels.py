"""The promises of a tenant at one moment: its policies and calendars, ready to start and steer the clocks of an incident.

How it can fail: `KeyError` for a calendar that was never there, which is a defect, since policies are checked when saved.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime

from services.incident.domain.calendar import EPOCH, ROUND_THE_CLOCK, BusinessCalendar
from services.incident.domain.clock import HEARD, Clock, ClockKind, ClockState, Retarget
from services.incident.domain.follow_up import FollowUpPolicy, key_of
from services.incident.domain.moment import Act
from services.incident.domain.sla import Facts, SlaPolicy, Target, choose, default_policy
from services.incident.domain.states import HoldReason

REPLACED_KEPT = 10
"""How many replaced clocks an incident shows; the ledger of the one in force has their whole history."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A calendar as it is from an instant on."""

    calendar: BusinessCalendar
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment(Act):
    """When a verb is used, by whom, and which promises hold then."""

    levels: "ServiceLevels"


class ServiceLevels:
    """Policies, and every revision of every calendar: what was booked by an old one stays booked."""

    def __init__(
        self,
        policies: Iterable[SlaPolicy] = (),
        calendars: Iterable[Revision] = (),
        follow_ups: Iterable[FollowUpPolicy] = (),
    ) -> None:
        self._follow_ups = {each.key: each for each in follow_ups if each.active and each.delete_time is None}
        builtin = default_policy()
        self._policies = tuple(policies)
        self._by_id = {builtin.id: builtin, **{policy.id: policy for policy in self._policies}}
        self._revisions = {ROUND_THE_CLOCK: [Revision(BusinessCalendar.never_closing(), EPOCH)]}
        for revision in sorted(calendars, key=lambda each: each.calendar.version):
            self._revisions.setdefault(revision.calendar.id, []).append(revision)

    def calendar(self, id: str) -> BusinessCalendar:  # noqa: A002 - the field's name everywhere
        """The calendar as it is now."""
        return self._revisions[id][-1].calendar

    def knows(self, calendar_id: str) -> bool:
        """Whether there is such a calendar."""
        return calendar_id in self._revisions

    def follow_up(self, state: str, reason: HoldReason | None) -> FollowUpPolicy | None:
        """What follows by itself for what waits so."""
        return self._follow_ups.get(key_of(state, reason))

    def next_step(self, state: str, reason: HoldReason | None, reminded: int, since: datetime) -> datetime | None:
        """When the next step of that is to be made, counted from `since`."""
        policy = self.follow_up(state, reason)
        return policy.due(reminded, since, self.calendar(policy.calendar_id)) if policy is not None else None

    def counting(self, clock: Clock) -> BusinessCalendar:
        """The revision that counts this clock's time."""
        for revision in self._revisions[clock.calendar_id]:
            if revision.calendar.version == clock.calendar_version:
                return revision.calendar
        raise KeyError(f"{clock.calendar_id} version {clock.calendar_version}")

    def begin(self, facts: Facts, at: datetime) -> list[Clock]:
        """The clocks of a new incident."""
        policy, why = choose(self._policies, facts)
        targets = [target for kind in ClockKind if (target := policy.target_for(facts.priority, kind)) is not None]
        return [self._started(policy, target, why, at) for target in targets]

    def catch_up(self, clocks: Sequence[Clock]) -> bool:
        """Lets open clocks count by the calendars' edits since they were last touched, each from its own instant on."""
        moved = False
        for clock in clocks:
            for revision in self._revisions[clock.calendar_id]:
                if clock.is_open and revision.calendar.version > clock.calendar_version:
                    moved |= clock.recalendar(revision.calendar, revision.since, self.counting(clock))
        return moved

    def pause(self, clocks: Sequence[Clock], reason: HoldReason, at: datetime) -> None:
        """Pauses the clocks whose policy says so for the reason; one that came under another policy while it waited runs on."""
        for clock in clocks:
            policy = self._by_id.get(clock.policy_id)
            pauses = policy is not None and policy.pauses(clock.kind, reason)
            (clock.pause if pauses else clock.resume)(reason.value, at, self.counting(clock))

    def resume(self, clocks: Sequence[Clock], reason: HoldReason, at: datetime) -> None:
        """Takes the reason away again."""
        for clock in clocks:
            clock.resume(reason.value, at, self.counting(clock))

    def stop(self, clocks: Sequence[Clock], at: datetime, kinds: Iterable[ClockKind] = ClockKind, reason: str = "") -> None:
        """Decides the verdicts of these kinds."""
        for clock in clocks:
            if clock.kind in kinds:
                clock.stop(at, self.counting(clock), reason)

    def cancel(self, clocks: Sequence[Clock], at: datetime, reason: str) -> None:
        """Takes every open clock out of the reckoning."""
        for clock in clocks:
            clock.cancel(at, self.counting(clock), reason)

    def reopen(self, clocks: Sequence[Clock], at: datetime, reason: str) -> None:
        """Continues what was stopped; the response is not owed again."""
        for clock in clocks:
            if not clock.has_successor:
                clock.reopen(at, self.counting(clock), reason)
        self.catch_up(clocks)

    def merge(
        self, clocks: Sequence[Clock], starts: Mapping[ClockKind, datetime], at: datetime
    ) -> tuple[list[Clock], list[Clock]]:
        """The clocks after another incident was merged into theirs, whose own began at `starts`, and those that began anew."""
        current: list[Clock] = []
        fresh: list[Clock] = []
        replaced: list[Clock] = []
        for clock in clocks:
            after = clock.merged(starts.get(clock.kind, clock.start_time), at, self.counting(clock))
            current.append(after)
            if after is not clock:
                fresh.append(after)
                replaced.append(clock)
        return [*current, *replaced[-REPLACED_KEPT:]], fresh

    def restart(self, clocks: Sequence[Clock], kind: ClockKind, at: datetime) -> tuple[list[Clock], list[Clock]]:
        """The clocks after those of one kind began anew at an instant, and those that did.

        One that was in time makes room for its successor; one that was missed stays as what it is, the last few of them.
        """
        current: list[Clock] = []
        missed: list[Clock] = []
        fresh: list[Clock] = []
        for clock in clocks:
            if clock.kind is not kind or not clock.is_open:
                (missed if clock.has_successor else current).append(clock)
                continue
            late = deepcopy(clock)
            late.stop(at, self.counting(clock), HEARD)
            missed += [late] if late.breached else []
            successor = clock.retarget(clock.target, Retarget.RESTART, at, self.counting(clock), reason=HEARD)
            current.append(successor)
            fresh.append(successor)
        return [*current, *missed[-REPLACED_KEPT:]], fresh

    def replan(
        self, clocks: Sequence[Clock], facts: Facts, at: datetime, owed: Iterable[ClockKind], *, began: datetime
    ) -> list[Clock]:
        """The clocks after the facts changed: each open one gets the target that now holds for it, the replaced ones follow.

        A kind that the new policy does not promise is cancelled; one of `owed` that only the new policy promises starts at
        `began`, as the incident did, when the policy works retroactively, else now.
        """
        policy, why = choose(self._policies, facts)
        current: list[Clock] = []
        replaced: list[Clock] = []
        for clock in clocks:
            after = self._replanned(clock, policy, facts, why, at)
            if after is not clock:
                current.append(after)
            (replaced if clock.state is ClockState.CANCELLED else current).append(clock)
        start = began if policy.retarget is Retarget.RETROACTIVE else at
        had = {own.kind for own in current if not own.has_successor}
        targets = (policy.target_for(facts.priority, kind) for kind in sorted(set(owed) - had))
        current.extend([self._started(policy, target, why, start) for target in targets if target is not None])
        return [*current, *replaced[-REPLACED_KEPT:]]

    def _started(self, policy: SlaPolicy, target: Target, why: str, at: datetime) -> Clock:
        return policy.clock(target, why, at, self.calendar(policy.calendar_for(target)))

    def _replanned(self, clock: Clock, policy: SlaPolicy, facts: Facts, why: str, at: datetime) -> Clock:
        if not clock.is_open:
            return clock
        target, counted = policy.target_for(facts.priority, clock.kind), self.counting(clock)
        if target is None:
            clock.cancel(at, counted, f"{policy.name} promises none")
            return clock
        calendar = self.calendar(policy.calendar_for(target))
        duration = target.duration(calendar)
        if (clock.policy_id, clock.target, clock.calendar_id) == (policy.id, duration, calendar.id):
            return clock
        return clock.retarget(
            duration,
            policy.retarget,
            at,
            calendar,
            counted=counted,
            policy_id=policy.id,
            policy_reason=why,
            reason=f"the priority or the policy changed to {facts.priority}, {policy.name}",
        )
