"""People who want to hear of a record beside those who own it: whoever watches it, whoever was named in what is said of it."""

from collections.abc import Sequence

from chassis.errors import Invalid
from services.incident.domain.limits import ID

MOST_WATCHERS = 200
MOST_MENTIONED = 20


def watched(watcher_ids: Sequence[str], more: Sequence[str], fewer: Sequence[str] = ()) -> list[str]:
    """Who watches after some came and some left, in the order in which they came. Raises `Invalid` for too many."""
    _check("user_ids", [*more, *fewer])
    after = [each for each in dict.fromkeys([*watcher_ids, *more]) if each not in fewer]
    if len(after) > MOST_WATCHERS:
        raise Invalid({"user_ids": f"{MOST_WATCHERS} people may watch a record, not {len(after)}"})
    return after


def fitting(watcher_ids: Sequence[str], more: Sequence[str]) -> list[str]:
    """Those of some who do not watch yet for whom there is room, in their order."""
    return [each for each in dict.fromkeys(more) if each not in watcher_ids][: max(MOST_WATCHERS - len(watcher_ids), 0)]


def mentioned(ids: Sequence[str]) -> list[str]:
    """Who is named in a note, each once. Raises `Invalid` for too many, and for what can be nobody's id."""
    found = list(dict.fromkeys(ids))
    _check("mentioned_ids", found)
    if len(found) > MOST_MENTIONED:
        raise Invalid({"mentioned_ids": f"may name {MOST_MENTIONED} people, not {len(found)}"})
    return found


def _check(name: str, ids: Sequence[str]) -> None:
    if not all(each.strip() and len(each) <= ID for each in ids):
        raise Invalid({name: f"needs ids of 1 to {ID} characters"})
