"""Texts with places for what an incident says: `{{incident.number}}`. There is no syntax beside places, so a text can name
some fields and do nothing else, and what is put into a place is never read as a text with places."""

import re
from collections.abc import Mapping

from chassis.errors import Invalid

PLACES = (
    *("incident.number", "incident.title", "incident.state", "incident.priority", "incident.category"),
    *("incident.requesterId", "incident.teamId", "incident.assigneeId", "incident.resolution", "me"),
)
_PLACE = re.compile(r"\{\{\s*([A-Za-z.]{0,60})\s*\}\}")


def check(text: str, field: str) -> None:
    """Raises `Invalid` for a place that there is not, and braces that are none."""
    if unknown := [name for name in _PLACE.findall(text) if name not in PLACES]:
        raise Invalid({field: f"{unknown[0]!r} is no place; there are {', '.join(PLACES)}"})
    if "{{" in (rest := _PLACE.sub("", text)) or "}}" in rest:
        raise Invalid({field: "has braces that are no place"})


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its places filled; what is not known says nothing."""
    return _PLACE.sub(lambda match: values.get(match[1], ""), text)
