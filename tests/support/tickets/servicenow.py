"""ServiceNow's Table API over incidents and their journal: states by its rules, queries in its encoding, OAuth tokens."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from tests.support.tickets.serving import SECRET, USER, Asked, No, System

TABLE, JOURNAL = "/api/now/table/incident", "/api/now/table/sys_journal_field"
TOKEN = "a token for half an hour"
MOVES = {"1": "2368", "2": "1368", "3": "268", "6": "27", "7": "", "8": ""}
_LONGEST = {"short_description": 160, "description": 4_000}
_TEXTS = (
    "short_description", "description", "state", "impact", "urgency", "correlation_id", "correlation_display",
    "assignment_group", "close_code", "close_notes", "hold_reason",
)  # fmt: skip
_OWN = ("sys_id", "number", "sys_updated_on", "sys_mod_count", "sys_created_on", "priority")
_GET = {"sysparm_query", "sysparm_fields", "sysparm_exclude_reference_link", "sysparm_limit", "sysparm_offset"}


@dataclass
class ServiceNow(System):
    """Incidents by id, and what was said about them. `stubborn`: a rule passes over new states without a word; `discreet`: what
    was said may not be read."""

    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    journal: list[dict[str, str]] = field(default_factory=list)
    stubborn: bool = False
    discreet: bool = False
    tokens: int = 0

    def nobody(self) -> Any:
        """See `System`."""
        return _told("User Not Authenticated", "Required to provide Auth information")

    def lets_in(self, authorization: str) -> bool:
        """See `System`."""
        return super().lets_in(authorization) or (not self.closed and authorization == f"Bearer {TOKEN}{self.tokens}")

    def open_to_all(self, asked: Asked) -> bool:
        """See `System`."""
        return asked.path == "/oauth_token.do"

    def answer(self, asked: Asked) -> tuple[int, Any]:
        """See `System`."""
        if asked.path == "/oauth_token.do":
            return self._token(asked)
        if asked.method == "GET" and set(asked.query) - _GET:
            raise _no(400, "Invalid query parameter", str(set(asked.query) - _GET))
        if (asked.method, asked.path) == ("GET", JOURNAL):
            return 200, {"result": self._found([] if self.discreet else self.journal, asked)}
        if (asked.method, asked.path) == ("GET", TABLE):
            return 200, {"result": self._found(list(self.rows.values()), asked)}
        if (asked.method, asked.path) == ("POST", TABLE):
            return 201, {"result": self._shown(self.make(**self._given(asked.body)))}
        row = self.rows.get(asked.path.removeprefix(f"{TABLE}/"))
        if row is None:
            raise _no(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        if asked.method == "PATCH":
            self._patch(row, self._given(asked.body))
        elif asked.method != "GET":
            raise _no(405, "Method not supported")
        return 200, {"result": self._shown(row, asked.query.get("sysparm_fields", ""))}

    def make(self, **values: str) -> dict[str, str]:
        """Somebody opens an incident."""
        number, now = len(self.rows) + 1, _text(self.clock())
        row = dict.fromkeys((*_TEXTS, *_OWN), "") | {"state": "1", "impact": "3", "urgency": "3", "sys_mod_count": "0"}
        row |= {"sys_id": f"{number:032x}", "number": f"INC{10_000 + number:07d}", "sys_created_on": now, "sys_updated_on": now}
        self.rows[row["sys_id"]] = row
        self._set(row, values)
        row["sys_mod_count"] = "0"
        return row

    def change(self, row: dict[str, str], **values: str) -> None:
        """Somebody changes something."""
        self._set(row, values)

    def say(self, row: dict[str, str], text: str, *, element: str = "comments", author: str = "ann.lee") -> dict[str, str]:
        """Somebody says something."""
        entry = {
            "sys_id": f"{0xA000 + len(self.journal):032x}",
            "element_id": row["sys_id"],
            "element": element,
            "value": text.strip()[:4_000],
            "sys_created_by": author,
            "sys_created_on": _text(self.clock()),
        }
        self.journal.append(entry)
        self._touch(row)
        return entry

    def only(self) -> dict[str, str]:
        """The one incident that there is."""
        (row,) = self.rows.values()
        return row

    def _token(self, asked: Asked) -> tuple[int, Any]:
        form = {name: values[0] for name, values in parse_qs(asked.body).items()}
        if form != {"grant_type": "client_credentials", "client_id": USER, "client_secret": SECRET}:
            raise No(401, {"error": "access_denied", "error_description": "access_denied"})
        self.tokens += 1
        return 200, {
            "access_token": f"{TOKEN}{self.tokens}",
            "scope": "useraccount",
            "token_type": "Bearer",
            "expires_in": 1799,
        }

    def _given(self, body: Any) -> dict[str, str]:
        for name, value in body.items():
            if name not in (*_TEXTS, "comments", "work_notes") or not isinstance(value, str):
                raise _no(400, "Invalid field", name)
        return dict(body)

    def _patch(self, row: dict[str, str], values: dict[str, str]) -> None:
        to = values.get("state", row["state"])
        if to != row["state"]:
            if to not in MOVES[row["state"]]:
                raise _no(403, "Operation Failed", f"Transition from {row['state']} to {to} is aborted by a business rule")
            if to in "67" and not (values.get("close_code") and values.get("close_notes")):
                raise _no(403, "Operation Failed", "Data Policy Exception: Resolution code and notes are mandatory")
            if to == "3" and not values.get("hold_reason"):
                raise _no(403, "Operation Failed", "Data Policy Exception: On hold reason is mandatory")
            if self.stubborn:
                values.pop("state")
        self._set(row, values)

    def _set(self, row: dict[str, str], values: dict[str, str]) -> None:
        for element in ("comments", "work_notes"):
            if text := values.pop(element, ""):
                self.say(row, text, element=element, author="sync")
        row |= {name: value.strip()[: _LONGEST.get(name, 1_000)] for name, value in values.items()}
        if values:
            self._touch(row)

    def _touch(self, row: dict[str, str]) -> None:
        row |= {"sys_updated_on": _text(self.clock()), "sys_mod_count": str(int(row["sys_mod_count"] or 0) + 1)}

    def _shown(self, row: dict[str, str], fields: str = "") -> dict[str, str]:
        names = fields.split(",") if fields else list(row)
        return {name: row[name] for name in names if name in row}

    def _found(self, rows: list[dict[str, str]], asked: Asked) -> list[dict[str, str]]:
        query, start = asked.query.get("sysparm_query", ""), int(asked.query.get("sysparm_offset", 0))
        orders = re.findall(r"(?:^|\^)ORDERBY(\w+)", query)
        parts = re.sub(r"(?:^|\^)ORDERBY\w+", "", query).split("^NQ")
        found = [row for row in rows if any(self._fits(row, part) for part in parts)]
        for name in reversed(orders):
            found.sort(key=lambda row, name=name: row[name])  # type: ignore[misc] # of the loop
        page = found[start : start + int(asked.query["sysparm_limit"])]
        return [self._shown(row, asked.query.get("sysparm_fields", "")) for row in page]

    def _fits(self, row: dict[str, str], part: str) -> bool:
        return all(self._one(row, condition) for condition in part.split("^") if condition)

    def _one(self, row: dict[str, str], condition: str) -> bool:
        if (relative := re.fullmatch(r"(\w+?)RELATIVEGE@minute@ago@(\d+)", condition)) and relative[1] in row:
            return row[relative[1]] >= _text(self.clock() - timedelta(minutes=int(relative[2])))
        if (among := re.fullmatch(r"([a-z_]+)IN(.*)", condition)) and among[1] in row:
            return row[among[1]] in among[2].split(",")
        if (equal := re.fullmatch(r"(\w+)=(.*)", condition)) and equal[1] in row:
            return row[equal[1]] == equal[2]
        raise _no(400, "Invalid query", condition)


def _told(message: str, detail: str = "") -> Any:
    return {"error": {"message": message, "detail": detail or None}, "status": "failure"}


def _no(status: int, message: str, detail: str = "") -> No:
    return No(status, _told(message, detail))


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
