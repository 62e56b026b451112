"""Change rows as the entries of a record's history that the world sees."""

from collections.abc import Mapping
from typing import Any

import orjson
from itsm.type import v1 as shared

from chassis import protojson


def timeline_entry(row: Mapping[str, Any], snapshot: str) -> shared.TimelineEntry:
    """The entry of a change row. `snapshot` is the event's field that holds the whole record, which an entry leaves out."""
    data = orjson.loads(row["data"])
    data.pop(snapshot, None)
    entry = shared.TimelineEntry(
        id=row["_id"],
        type=row["type"],
        time=row["time"],
        actor=row["actor"]["id"],
        on_behalf_of=row.get("act", ""),
        subject=row["subject"],
        version=row["version"],
    )
    for change in data.pop("changes", ()):
        entry.changes.append(protojson.decode(change, shared.FieldChange))
    entry.detail.update(data)
    return entry
