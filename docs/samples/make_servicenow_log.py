"""Writes a small ServiceNow event log of invented incidents, for trying `itsm import servicenow`.

    python docs/samples/make_servicenow_log.py

The same seed gives the same file, byte for byte.
"""

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

COLUMNS = (
    "number", "incident_state", "active", "reassignment_count", "reopen_count", "sys_mod_count", "made_sla", "caller_id",
    "opened_by", "opened_at", "sys_created_by", "sys_created_at", "sys_updated_by", "sys_updated_at", "contact_type",
    "location", "category", "subcategory", "u_symptom", "cmdb_ci", "impact", "urgency", "priority", "assignment_group",
    "assigned_to", "knowledge", "u_priority_confirmation", "notify", "problem_id", "rfc", "vendor", "caused_by",
    "closed_code", "resolved_by", "resolved_at", "closed_at",
)  # fmt: skip
SEED = 20260101
INCIDENTS = 40
TARGET = Path(__file__).with_name("servicenow-incident-log.csv")

CALLERS = ["Ada Berg", "Bram Okafor", "Chiara Lind", "Daan Petrov", "Elif Sato", "Farid Nowak", "Greta Ruiz", "Hugo Tan"]
DESK = ["Service Desk 1", "Service Desk 2", "Service Desk 3"]
GROUPS = {
    "Network Europe": ["Ines Vogel", "Jonas Mbeki"],
    "Workplace": ["Kaya Lund", "Leo Marin"],
    "Business Applications": ["Mira Costa", "Nils Haddad", "Olga Weiss"],
}
TROUBLE = [
    ("Network", "VPN", "Tunnel drops", "Network Europe"),
    ("Network", "Wireless", "No signal in meeting rooms", "Network Europe"),
    ("Workplace", "Laptop", "Does not wake up", "Workplace"),
    ("Workplace", "Printer", "Pages come out blank", "Workplace"),
    ("Applications", "Payroll", "Report times out", "Business Applications"),
    ("Applications", "Mail", "?", "Business Applications"),
]
LEVELS = ["1 - High", "2 - Medium", "3 - Low"]
PRIORITIES = ["1 - Critical", "2 - High", "3 - Moderate", "4 - Low", "5 - Planning"]
WAITS = ["Awaiting User Info", "Awaiting Vendor", "Awaiting Problem", "Awaiting Evidence"]
CODES = ["repaired", "replaced", "explained", "not reproducible"]


def _date(time: datetime) -> str:
    return time.strftime("%d-%m-%Y %H:%M")


def _path(dice: random.Random, wait: str) -> list[str]:
    """The states of one incident, oldest first."""
    states = ["New", "Active"]
    if dice.random() < 0.35:
        states += [wait, "Active"]
    states.append("Resolved")
    if dice.random() < 0.15:
        states += ["Active", "Resolved"]
    return [*states, "Closed"]


def _incident(dice: random.Random, number: str, opened: datetime, wait: str) -> list[dict[str, Any]]:
    category, subcategory, symptom, group = dice.choice(TROUBLE)
    impact, urgency = dice.choices(range(3), [1, 4, 3])[0], dice.choices(range(3), [1, 4, 3])[0]
    resolver = dice.choice(GROUPS[group])
    made_sla = dice.random() < 0.85
    rows: list[dict[str, Any]] = []
    reopened = hands = 0
    time = opened + timedelta(minutes=dice.randint(1, 9))
    team = person = "?"
    before = ""
    for position, state in enumerate(_path(dice, wait)):
        if state == "Active" and before == "New":
            team, person = group, resolver
        if state == "Active" and before == "Resolved":
            reopened += 1
            person = dice.choice(GROUPS[group])
            hands += person != resolver
        rows.append(
            dict.fromkeys(COLUMNS, "?")
            | {
                "number": number,
                "incident_state": state,
                "active": str(state != "Closed").upper(),
                "reassignment_count": hands,
                "reopen_count": reopened,
                "sys_mod_count": position,
                "made_sla": str(made_sla or position < 2).upper(),
                "opened_at": _date(opened),
                "sys_updated_by": person if person != "?" else dice.choice(DESK),
                "sys_updated_at": _date(time),
                "contact_type": "Phone",
                "location": dice.choice(["Site North", "Site South"]),
                "category": category,
                "subcategory": subcategory,
                "u_symptom": symptom,
                "impact": LEVELS[impact],
                "urgency": LEVELS[urgency],
                "priority": PRIORITIES[impact + urgency],
                "assignment_group": team,
                "assigned_to": person,
                "knowledge": "FALSE",
                "u_priority_confirmation": "FALSE",
                "notify": "Do Not Notify",
            }
        )
        before = state
        time += timedelta(days=5) if state == "Resolved" else timedelta(minutes=dice.randint(5, 600))
    return _finished(dice, rows)


def _finished(dice: random.Random, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With what such a log repeats in every row: who called, who opened, and how it all ended."""
    resolved = [row for row in rows if row["incident_state"] == "Resolved"][-1]
    desk = dice.choice(DESK)
    shared = {
        "caller_id": dice.choice(CALLERS),
        "opened_by": desk,
        "sys_created_by": desk,
        "sys_created_at": rows[0]["sys_updated_at"],
        "closed_code": dice.choice(CODES),
        "resolved_by": resolved["sys_updated_by"],
        "resolved_at": resolved["sys_updated_at"],
        "closed_at": rows[-1]["sys_updated_at"],
    }
    return [row | shared for row in rows]


def write(target: Path = TARGET) -> None:
    """Writes the log."""
    dice = random.Random(SEED)  # noqa: S311 - the same file each time is the point
    opened = datetime(2026, 1, 5, 8, 0)  # noqa: DTZ001 - such a log has no zone
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for position in range(INCIDENTS):
            opened += timedelta(minutes=dice.randint(20, 400))
            wait = WAITS[position % len(WAITS)]
            writer.writerows(_incident(dice, f"INC09{position + 1:05}", opened, wait))


if __name__ == "__main__":
    write()
