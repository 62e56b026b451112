"""What the audit log keeps of a change, read from the restricted topic. Nothing that comes is dropped for its shape."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_TEXTS = {
    "action": "type",
    "subject": "subject",
    "on_behalf_of": "act",
    "correlation_id": "correlationId",
    "causation_id": "causationId",
}


def entry(told: Mapping[str, Any], *, received: datetime) -> dict[str, Any]:
    """A document of the audit log. What is missing or of another type is left empty and the entry marked `malformed`."""
    malformed = False

    def text(source: Mapping[str, Any], name: str) -> str:
        nonlocal malformed
        value = source.get(name, "")
        if not isinstance(value, str):
            malformed = True
            return str(value)
        return value

    actor = told.get("actor")
    if not isinstance(actor, Mapping):
        actor, malformed = {"id": "" if actor is None else str(actor)}, True
    document: dict[str, Any] = {name: text(told, source) for name, source in _TEXTS.items()}
    document["actor"], document["actor_kind"] = text(actor, "id"), text(actor, "kind")
    version = told.get("version")
    document["version"] = version if type(version) is int else 0
    time = _time(told.get("time"))
    differences = told.get("diff", [])
    document["changes"] = [_change(item) for item in differences] if isinstance(differences, list) else []
    if not document["changes"]:
        document["changes"] = _created(told.get("data"), document["subject"])
    document["time"] = time or received
    document["malformed"] = bool(
        malformed
        or time is None
        or type(version) is not int
        or not isinstance(differences, list)
        or not (document["actor"] and document["action"] and document["subject"])
    )
    return document


def _time(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _change(item: Any) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        return {"field": str(item), "old": None, "new": None}
    name, *parts = str(item.get("field", "")).split("_")
    return {"field": name + "".join(part.capitalize() for part in parts), "old": item.get("old"), "new": item.get("new")}


def _created(data: Any, subject: str) -> list[dict[str, Any]]:
    """A create has no difference: the record in its event says what every field became."""
    record_id = subject.rpartition("/")[2]
    for value in data.values() if isinstance(data, Mapping) else ():
        if isinstance(value, Mapping) and record_id and value.get("id") == record_id:
            told = {name: new for name, new in value.items() if name not in ("id", "etag") and new not in ("", [], {}, None)}
            return [{"field": name, "old": None, "new": new} for name, new in told.items()]
    return []
