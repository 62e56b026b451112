"""How much an incident's fields hold. Everything that is wrong is told at once, by field."""

from collections.abc import Mapping
from typing import Any

from chassis.errors import Invalid

LINKS = 100
ALERTS = 1_000
ASSETS = 100
ID = 200

_TEXTS = {
    "title": 300,
    "description": 65_536,
    "category": 200,
    "dedup_key": 512,
    "resolution_code": 100,
    "resolution": 65_536,
    "implementation_plan": 65_536,
    "test_plan": 65_536,
    "back_out_plan": 65_536,
    "outcome_note": 4_096,
    "review": 65_536,
    "approver_id": ID,
    "implementer_id": ID,
    "template_id": ID,
    "reason": 4_096,
    "cause": 65_536,
    "workaround": 65_536,
    "service_id": ID,
    "requester_id": ID,
    "team_id": ID,
    "assignee_id": ID,
    "external_number": ID,
    "about": ID,
    "asset_class": ID,
    "receiver_id": ID,
    "result": 65_536,
}
_LISTS = {"asset_ids": ASSETS, "service_ids": 100, "alert_ids": ALERTS}
_NEVER_BLANK = frozenset({"title"})


def check(fields: Mapping[str, Any], *, required: bool = False) -> None:
    """Raises `Invalid` for texts that are too long, lists with too many entries or an entry twice, and a blank title."""
    wrong: dict[str, str] = {}
    for name, value in fields.items():
        if (most := _TEXTS.get(name)) is not None:
            if len(value) > most:
                wrong[name] = f"may have {most} characters, not {len(value)}"
            elif (required or name in _NEVER_BLANK) and not value.strip():
                wrong[name] = "must not be empty"
        elif (most := _LISTS.get(name)) is not None:
            if len(value) > most:
                wrong[name] = f"may have {most} entries, not {len(value)}"
            elif len(set(value)) != len(value) or not all(0 < len(each) <= ID for each in value):
                wrong[name] = f"needs entries of 1 to {ID} characters, each once"
    if wrong:
        raise Invalid(wrong)


def check_link(target: str, own: str) -> None:
    """Raises `Invalid` for a target that is not `<resources>/<id>`, or that is the record itself."""
    plural, slash, name = target.partition("/")
    if not (slash and plural.isalpha() and name and len(target) <= ID) or "/" in name:
        raise Invalid({"link.target": "must look like incidents/inc_…"})
    if target == own:
        raise Invalid({"link.target": "is the record itself"})
