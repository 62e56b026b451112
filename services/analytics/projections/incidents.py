"""How does each incident stand? One document an incident, from which most figures are one aggregation.

Each fact alone says what it changes in the document, so that live events are written without reading first. That is right as
long as the facts of an incident come in order and once, which the consumer sees to.

`resolutions` maps how often the incident had come back to when it was then last resolved: a resolution whose number is
below `reopen_count` did not hold. `last_resolved` is the last of them, held or not; `resolved_at` is empty while it did not.
"""

from collections.abc import Iterable
from typing import Any

from services.analytics.domain.facts import DONE, OPEN, Fact, State, order, record_id

INCIDENTS = "incidents"

Document = dict[str, Any]

_COPIED = (
    "state",
    "priority",
    "team_id",
    "service_id",
    "category",
    "assignee_id",
    "source",
    "create_time",
    "acknowledge_time",
    "close_time",
    "reopen_count",
    "reassignment_count",
    "imported_made_sla",
)


def effect(fact: Fact) -> Document:
    """What a fact sets in the document of its incident; a dotted name is a path."""
    changed: Document = {name: fact.get(name) for name in _COPIED}
    state = fact["state"]
    changed["version"] = fact["version"]
    changed["epoch"] = fact["epoch"]
    changed["update_time"] = fact["time"]
    changed["open"] = state in OPEN
    changed["counted"] = state != State.CANCELLED and not fact.get("left")
    changed["clocks"] = clocks = [_verdict(clock) for clock in fact["clocks"] if clock["state"] != "CANCELLED"]
    changed["resolved_at"] = changed["business_s"] = None
    if state in DONE:
        # A record that was closed without having been resolved, as other systems allow, ended when it was closed.
        changed["resolved_at"] = resolved_at = fact.get("resolve_time") or fact.get("close_time") or fact["time"]
        changed[f"resolutions.{fact['reopen_count']}"] = changed["last_resolved"] = resolved_at
        stopped = [clock["elapsed_s"] for clock in clocks if clock["kind"] == "RESOLVE" and clock["state"] == "STOPPED"]
        changed["business_s"] = stopped[-1] if stopped else None
    return changed


def _verdict(clock: Document) -> Document:
    """A clock with when and how it was decided: breached is final even while it runs, stopped in time is met."""
    verdict = {"kind": clock["kind"], "state": clock["state"], "elapsed_s": clock["elapsed_s"], "target_s": clock["target_s"]}
    if clock["breached"]:
        verdict["decide_time"] = clock.get("breach_time") or clock.get("due_time") or clock.get("stop_time")
        verdict["met"] = False
    elif clock["state"] == "STOPPED":
        verdict["decide_time"] = clock["stop_time"]
        verdict["met"] = True
    return verdict


def merge(document: Document, changed: Document) -> Document:
    """Applies what a fact sets to a document, as the database does."""
    for path, value in changed.items():
        *parents, name = path.split(".")
        target = document
        for parent in parents:
            target = target.setdefault(parent, {})
        target[name] = value
    return document


def fold(facts: Iterable[Fact]) -> Document:
    """The document of an incident from all its facts, of which there is at least one."""
    ordered = sorted(facts, key=order)
    document: Document = {"_id": record_id(ordered[0]), "tenant": ordered[0]["tenant"]}
    for fact in ordered:
        merge(document, effect(fact))
    return document
