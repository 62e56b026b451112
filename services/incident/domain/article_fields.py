"""How much the fields of an article hold, and who may read it. Everything that is wrong is told at once, by field."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from chassis.errors import Invalid
from services.incident.domain.limits import ID


class Visibility(StrEnum):
    """Who may read an article once it is published."""

    PUBLIC = "PUBLIC"
    INTERNAL = "INTERNAL"
    TEAMS = "TEAMS"


COMMENT = 4_096
_TEXTS = {"title": 300, "summary": 1_000, "body": 65_536, "category": 200, "owner_id": ID}
_LISTS = {"keywords": (50, 100), "team_ids": (50, ID)}
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)  # as in BCP 47, without what nobody writes in


def check(fields: Mapping[str, Any]) -> None:
    """Raises `Invalid` for texts and lists that are too long, a blank title, a language that is none, teams without need."""
    wrong = {
        name: f"may have {most} characters, not {len(fields[name])}"
        for name, most in _TEXTS.items()
        if len(fields.get(name, "")) > most
    }
    if not fields.get("title", "-").strip():
        wrong["title"] = "must not be empty"
    for name, (most, longest) in _LISTS.items():
        values = fields.get(name, ())
        if len(values) > most:
            wrong[name] = f"may have {most} entries, not {len(values)}"
        elif len(set(values)) != len(values) or not all(0 < len(each) <= longest for each in values):
            wrong[name] = f"needs entries of 1 to {longest} characters, each once"
    if not _LANGUAGE.fullmatch(fields.get("language", "en")):
        wrong["language"] = "must be a language as in BCP 47, such as en or pt-BR"
    if "visibility" in fields and (fields["visibility"] is Visibility.TEAMS) is not bool(fields.get("team_ids")):
        wrong["team_ids"] = "must name the teams that may read it, where these are TEAMS, and none else"
    if wrong:
        raise Invalid(wrong)
