"""What stands against a change in its window: others at the same place, blackouts, who makes it, redundancy."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.incident.domain.blackout import Blackout, MarginAcceptance
from services.incident.domain.change import Change
from services.incident.domain.change_states import ChangeKind, ChangeState


class ConflictKind(StrEnum):
    """What stands there."""

    SAME_ASSET = "SAME_ASSET"
    NEIGHBOR_ASSET = "NEIGHBOR_ASSET"
    BLACKOUT = "BLACKOUT"
    IMPLEMENTER = "IMPLEMENTER"
    REDUNDANCY_LOST = "REDUNDANCY_LOST"
    REDUNDANCY_USED_UP = "REDUNDANCY_USED_UP"
    NOT_KNOWN = "NOT_KNOWN"


@dataclass(slots=True, kw_only=True, frozen=True)
class Conflict:
    """One thing that stands there."""

    kind: ConflictKind
    text: str
    target: str = ""
    asset_id: str = ""
    blocks: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """What the landscape of assets says of a change. All of it by id.

    `neighbors`: what its assets stand on and what stands on them, they themselves included; `services` of those are business
    services. `lost`: assets that fall only because something else has failed or is changed too; `used_up`: assets that have
    nothing to spare meanwhile. Both with a name for people.
    """

    neighbors: Collection[str] = ()
    services: Collection[str] = ()
    lost: Mapping[str, str] = field(default_factory=dict)
    used_up: Mapping[str, str] = field(default_factory=dict)


def conflicts(
    change: Change,
    others: Iterable[Change],
    blackouts: Iterable[Blackout],
    landscape: Landscape | None,
    accepted: Sequence[MarginAcceptance],
    *,
    now: datetime,
    cut: bool = False,
) -> list[Conflict]:
    """Everything that stands against a change that has a window, what blocks first. An emergency is told and not held up.

    `others` are those that have their place in the calendar; no `landscape` means that it could not be asked,
    `cut` that there is more in the window than was looked at.
    """
    start, end = change.start_time, change.end_time
    if start is None or end is None:
        return []
    near = landscape or Landscape(neighbors=change.asset_ids)
    services = {*near.services, *change.service_ids}
    found = [
        *(conflict for other in others if (conflict := _between(change, other, near.neighbors, now)) is not None),
        *(_during(each) for each in blackouts if _protects(each, near.neighbors, services) and any(each.times(start, end))),
        *_margins(near, accepted, start, end),
    ]
    if landscape is None:
        text = "the landscape of assets does not answer: nobody knows what this change meets"
        found.append(Conflict(kind=ConflictKind.NOT_KNOWN, text=text))
    if cut:
        text = "more is planned at that time than can be looked at: nobody knows whether the window is free"
        found.append(Conflict(kind=ConflictKind.NOT_KNOWN, text=text))
    if change.kind is ChangeKind.EMERGENCY:
        found = [Conflict(kind=c.kind, text=c.text, target=c.target, asset_id=c.asset_id, blocks=False) for c in found]
    return found


def overlap(one: Change, other: Change, now: datetime) -> bool:
    """Whether two windows, which end before their last instant, have an instant in common. `other` goes on for as long as it
    is being made, until `now` at least."""
    if one.start_time is None or one.end_time is None or other.start_time is None or other.end_time is None:
        return False
    overruns = other.state is ChangeState.IMPLEMENT and one.start_time <= now
    return (one.start_time < other.end_time or overruns) and other.start_time < one.end_time


def _between(change: Change, other: Change, neighbors: Collection[str], now: datetime) -> Conflict | None:
    if other.id == change.id or not overlap(change, other, now):
        return None
    target = f"changes/{other.id}"
    for asset_id in other.asset_ids:
        if asset_id in change.asset_ids:
            text = f"{other.number} changes {asset_id} at the same time"
            return Conflict(kind=ConflictKind.SAME_ASSET, text=text, target=target, asset_id=asset_id)
    for asset_id in other.asset_ids:
        if asset_id in neighbors:
            text = f"{other.number} changes {asset_id} at the same time, which this depends on or takes down"
            return Conflict(kind=ConflictKind.NEIGHBOR_ASSET, text=text, target=target, asset_id=asset_id)
    if change.implementer_id and change.implementer_id == other.implementer_id:
        # A window is wider than the work: nobody is held up before the other is really being made.
        busy = other.state is ChangeState.IMPLEMENT
        text = f"who makes it {'is making' if busy else 'makes'} {other.number} at the same time"
        return Conflict(kind=ConflictKind.IMPLEMENTER, text=text, target=target, blocks=busy)
    return None


def _protects(blackout: Blackout, assets: Collection[str], services: Collection[str]) -> bool:
    if blackout.of_everything:
        return True
    meant = {*blackout.asset_ids, *blackout.service_ids}
    return not meant.isdisjoint(assets) or not meant.isdisjoint(services)


def _during(blackout: Blackout) -> Conflict:
    return Conflict(
        kind=ConflictKind.BLACKOUT, text=f"nothing is changed then: {blackout.title}", target=f"blackouts/{blackout.id}"
    )


def _margins(landscape: Landscape, accepted: Sequence[MarginAcceptance], start: datetime, end: datetime) -> Iterable[Conflict]:
    for asset_id, name in landscape.lost.items():
        text = f"{name} loses more than it has to spare, with what has failed and what others change then"
        yield Conflict(kind=ConflictKind.REDUNDANCY_LOST, text=text, asset_id=asset_id)
    for asset_id, name in landscape.used_up.items():
        taken = any(each.covers(asset_id, start, end) for each in accepted)
        text = f"{name} has nothing to spare meanwhile; {'that was accepted' if taken else 'somebody has to accept that'}"
        yield Conflict(kind=ConflictKind.REDUNDANCY_USED_UP, text=text, asset_id=asset_id, blocks=not taken)
