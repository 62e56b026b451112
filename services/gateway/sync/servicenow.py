"""ServiceNow: incidents by its Table API. An incident of ours is found again by `correlation_id`, all of a connection by
`correlation_display`. What an update does not say back it did not do: rules of theirs may pass over it without a word.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from services.gateway.domain.connection import Connection
from services.gateway.sync.http import ODD, PAGE, Client, understood, unlike
from services.gateway.sync.mapping import Mapper
from services.gateway.sync.ports import Refused, Remark, Saying, Ticket

TABLE = "/api/now/table/incident"
JOURNAL = "/api/now/table/sys_journal_field"
_FIELDS = (
    "sys_id,number,short_description,description,state,impact,urgency,correlation_id,correlation_display,"
    "sys_updated_on,sys_mod_count,close_notes,hold_reason"
)
_NAMES = {
    "title": "short_description",
    "description": "description",
    "state": "state",
    "impact": "impact",
    "urgency": "urgency",
}
WAITS: Mapping[str, str] = {"CALLER": "1", "PROBLEM": "3", "VENDOR": "4", "SCHEDULED": "4", "CHANGE": "5"}
"""What an incident on hold waits for, by their codes."""
_MOST_REMARKS = 1_000


@understood
class ServiceNow:
    """See `services.gateway.sync.ports.Theirs`."""

    def __init__(self, client: Client, connection: Connection) -> None:
        self._client, self._connection, self._mapper = client, connection, Mapper.of(connection)

    async def look(self) -> AsyncIterator[str]:
        """See `Theirs`. Whether incidents may be written their API tells only by writing one."""
        await self._search("ORDERBYsys_updated_on", 0, 1)
        yield "incidents may be read"
        await self._client.call("GET", JOURNAL, sysparm_query="elementINcomments,work_notes", sysparm_limit=1)
        yield "what is said about incidents may be read"
        if self._connection.mapping.query:
            await self._search(self._connection.mapping.query, 0, 1)
            yield "the query is understood"

    async def read(self, id: str) -> Ticket | None:  # noqa: A002 - as its field
        """See `Theirs`."""
        said, _ = await self._client.call(
            "GET", f"{TABLE}/{_part(id)}", none=(404,), sysparm_fields=_FIELDS, sysparm_exclude_reference_link="true"
        )
        return None if said is None else self._ticket(said["result"])

    async def find(self, correlation: str) -> Ticket | None:
        """See `Theirs`."""
        tickets = await self._search(f"correlation_id={correlation}^ORDERBYsys_created_on", 0, 1)
        return tickets[0] if tickets else None

    async def create(self, values: Mapping[str, str], correlation: str) -> Ticket:
        """See `Theirs`. The state of a new one is theirs to say, and moved afterwards."""
        body = {_NAMES[name]: value for name, value in values.items() if name != "state"}
        body |= {"correlation_id": correlation, "correlation_display": self._connection.id}
        if self._connection.mapping.assignment_group:
            body["assignment_group"] = self._connection.mapping.assignment_group
        said, _ = await self._client.call("POST", TABLE, body, sysparm_exclude_reference_link="true")
        return self._ticket(said["result"])

    async def mark(self, ticket: Ticket, correlation: str) -> None:
        """See `Theirs`."""
        await self._patch(ticket, {"correlation_id": correlation, "correlation_display": self._connection.id})

    async def edit(self, ticket: Ticket, values: Mapping[str, str]) -> Mapping[str, str]:
        """See `Theirs`."""
        after = await self._patch(ticket, {_NAMES[name]: value for name, value in values.items()})
        return {name: after.fields[name] for name in values}

    async def move(self, ticket: Ticket, state: str, said: Saying) -> str:
        """See `Theirs`."""
        body = {"state": state}
        if state in (self._mapper.states["RESOLVED"], self._mapper.states["CLOSED"]):
            body["close_code"] = self._connection.mapping.resolution or "Solved (Permanently)"
            body["close_notes"] = said.closing or "Resolved."
        if state == self._mapper.states["ON_HOLD"]:
            body["hold_reason"] = WAITS.get(said.waits, WAITS["VENDOR"])
        after = await self._patch(ticket, body)
        if after.fields["state"] != state:
            raise Refused(f"a rule there left it in the state {after.fields['state']}")
        return state

    async def remarks(self, ticket: Ticket) -> Sequence[Remark]:
        """See `Theirs`."""
        query = f"element_id={ticket.id}^elementINcomments,work_notes^ORDERBYsys_created_on"
        said, _ = await self._client.call(
            "GET",
            JOURNAL,
            sysparm_query=query,
            sysparm_fields="sys_id,element,value,sys_created_by,sys_created_on",
            sysparm_limit=_MOST_REMARKS,
        )
        return [
            Remark(row["sys_id"], row["sys_created_by"] or "somebody", row["value"], row["element"] == "comments")
            for row in said["result"]
        ]

    async def remark(self, ticket: Ticket, text: str, *, public: bool) -> str:
        """See `Theirs`. The answer to a new entry does not name it: it is looked for by how it ends, which is our mark."""
        await self._patch(ticket, {"comments" if public else "work_notes": text})
        mark = text.rpartition("\n")[2].strip()
        return next((each.id for each in reversed(await self.remarks(ticket)) if each.text.strip().endswith(mark)), "")

    async def fits(self, ticket: Ticket) -> bool:
        """See `Theirs`."""
        query = self._connection.mapping.query
        return bool(query and await self._search(_each(query, f"sys_id={_part(ticket.id)}"), 0, 1))

    async def changed(self, since: timedelta, page: str) -> tuple[Sequence[Ticket], str]:
        """See `Theirs`. Asked in minutes before now: an instant would be read in the time zone of whoever asks."""
        minutes = max(1, -(-since // timedelta(minutes=1)))
        recent = f"sys_updated_onRELATIVEGE@minute@ago@{minutes}"
        among = f"correlation_display={self._connection.id}^{recent}"
        if query := self._connection.mapping.query:
            among = f"{among}^NQ{_each(query, recent)}"
        start = int(page or 0)
        tickets = await self._search(f"{among}^ORDERBYsys_updated_on^ORDERBYsys_id", start, PAGE)
        return tickets, str(start + len(tickets)) if len(tickets) == PAGE else ""

    async def changed_at(self, ticket: Ticket, field: str) -> datetime:  # noqa: ARG002 - the record's time is all they tell
        """See `Theirs`. Who changed which field when is in their audit, which few accounts may read."""
        return ticket.update_time

    async def _patch(self, ticket: Ticket, body: Mapping[str, str]) -> Ticket:
        said, _ = await self._client.call(
            "PATCH", f"{TABLE}/{_part(ticket.id)}", dict(body), sysparm_exclude_reference_link="true"
        )
        return self._ticket(said["result"])

    async def _search(self, query: str, start: int, most: int) -> list[Ticket]:
        said, _ = await self._client.call(
            "GET",
            TABLE,
            sysparm_query=query,
            sysparm_fields=_FIELDS,
            sysparm_exclude_reference_link="true",
            sysparm_limit=most,
            sysparm_offset=start,
        )
        return [self._found(row) for row in said["result"]]

    def _found(self, row: Mapping[str, Any]) -> Ticket:
        """One among others, which are not to wait for one that cannot be understood."""
        try:
            return self._ticket(row)
        except ODD as odd:
            version = f"{row.get('sys_updated_on', '')}/{row.get('sys_mod_count', '')}"
            return Ticket.unread(str(row["sys_id"]), str(row.get("number", "")), self._url(row), version, unlike(odd))

    def _url(self, row: Mapping[str, Any]) -> str:
        return f"{self._connection.url.rstrip('/')}/nav_to.do?uri=incident.do?sys_id={row['sys_id']}"

    def _ticket(self, row: Mapping[str, Any]) -> Ticket:
        correlation = row.get("correlation_id") or ""
        return Ticket(
            id=row["sys_id"],
            key=row["number"],
            url=self._url(row),
            version=f"{row['sys_updated_on']}/{row['sys_mod_count']}",
            update_time=datetime.strptime(row["sys_updated_on"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC),
            fields={name: row.get(theirs) or "" for name, theirs in _NAMES.items()},
            marked=row.get("correlation_display") == self._connection.id,
            correlation=correlation if correlation.startswith(f"{self._connection.id}.") else "",
            closing=row.get("close_notes") or "",
            waits=next((ours for ours, code in WAITS.items() if code == row.get("hold_reason")), ""),
        )


def _each(query: str, more: str) -> str:
    """A query that asks for something more: each part between `^NQ` stands for itself."""
    return "^NQ".join(f"{part}^{more}" for part in query.split("^NQ"))


def explain(said: Any) -> str:
    """What a refusal of ServiceNow says."""
    error = said.get("error", {})
    return ": ".join(str(text) for text in (error.get("message"), error.get("detail")) if text)


def _part(text: str) -> str:
    """Part of a path; what is no id of ServiceNow is nothing that is asked for."""
    if not re.fullmatch(r"[0-9a-f]{32}", text):
        raise Refused("this is no incident of ServiceNow")
    return text
