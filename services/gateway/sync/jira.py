"""Jira: its REST API, version 2, which takes plain text and is the same in the cloud and in a data center but for the search.

A ticket of ours carries two labels: the connection's id, by which changes are asked for, and one that says which incident it
is, by which it is found again. A status is reached by the transitions that its workflow offers, three at most.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from services.gateway.domain.connection import Connection
from services.gateway.sync.http import ODD, PAGE, Client, understood, unlike
from services.gateway.sync.mapping import Mapper
from services.gateway.sync.ports import Refused, Remark, Saying, Ticket, Unseen

API = "/rest/api/2"
_FIELDS = "summary,description,status,priority,labels,updated,resolution"
_NEEDED = ("BROWSE_PROJECTS", "CREATE_ISSUES", "EDIT_ISSUES", "TRANSITION_ISSUES", "ADD_COMMENTS")
_NAMES = {"title": "summary", "description": "description", "state": "status", "priority": "priority"}
_FOR_CUSTOMERS = "sd.public.comment"  # the property by which Jira Service Management knows what its customers may not read
_HOPS = 3
_MOST_REMARKS = 1_000
_CLOUD_DATE = "%Y-%m-%dT%H:%M:%S.%f%z"


@understood
class Jira:
    """See `services.gateway.sync.ports.Theirs`."""

    def __init__(self, client: Client, connection: Connection) -> None:
        self._client, self._connection, self._mapper = client, connection, Mapper.of(connection)
        self._in_cloud: bool | None = None

    async def look(self) -> AsyncIterator[str]:
        """See `Theirs`."""
        yield f"this is Jira {'in the cloud' if await self._cloud() else 'in a data center'}"
        me, _ = await self._client.call("GET", f"{API}/myself")
        yield f"we are {me.get('displayName') or me.get('name', 'somebody')} there"
        mapping = self._connection.mapping
        if self._connection.direction.goes_out:
            granted = await self._granted(mapping.project)
            if missing := [name for name in _NEEDED if name not in granted]:
                raise Refused(f"in the project {mapping.project} we lack {', '.join(missing)}")
            yield f"in the project {mapping.project} we may do all that is needed"
        await self._search(f"{self._ours()} ORDER BY updated ASC", "", 1)
        yield "tickets may be searched"
        if mapping.query:
            await self._search(f"({mapping.query}) ORDER BY updated ASC", "", 1)
            yield "the query is understood"

    async def _granted(self, project: str) -> set[str]:
        said, _ = await self._client.call("GET", f"{API}/mypermissions", projectKey=project, permissions=",".join(_NEEDED))
        return {name for name, each in said["permissions"].items() if each.get("havePermission")}

    async def read(self, id: str) -> Ticket | None:  # noqa: A002 - as its field
        """See `Theirs`."""
        said, _ = await self._client.call("GET", f"{API}/issue/{_part(id)}", none=(404, 410), fields=_FIELDS)
        return None if said is None else self._ticket(said)

    async def find(self, correlation: str) -> Ticket | None:
        """See `Theirs`."""
        tickets, _ = await self._search(f'labels = "{correlation}" ORDER BY created ASC', "", 1)
        return tickets[0] if tickets else None

    async def create(self, values: Mapping[str, str], correlation: str) -> Ticket:
        """See `Theirs`."""
        mapping = self._connection.mapping
        fields = {
            "project": {"key": mapping.project},
            "issuetype": {"name": mapping.issue_type or "Task"},
            "labels": [self._connection.id, correlation],
            **_fields(values),
        }
        made, _ = await self._client.call("POST", f"{API}/issue", {"fields": fields})
        try:
            ticket = await self.read(str(made["id"]))
        except Refused as no:
            raise Unseen(f"{made['key']} was made, and {no}") from no
        if ticket is None:
            raise Unseen(f"{made['key']} was made, and we may not read it")
        return ticket

    async def mark(self, ticket: Ticket, correlation: str) -> None:
        """See `Theirs`."""
        labels = [{"add": self._connection.id}, {"add": correlation}]
        await self._client.call("PUT", f"{API}/issue/{_part(ticket.id)}", {"update": {"labels": labels}})

    async def edit(self, ticket: Ticket, values: Mapping[str, str]) -> Mapping[str, str]:
        """See `Theirs`. What was sent is what they have: an answer does not say, and what they made of it is seen next time."""
        await self._client.call("PUT", f"{API}/issue/{_part(ticket.id)}", {"fields": _fields(values)})
        return dict(values)

    async def move(self, ticket: Ticket, state: str, said: Saying) -> str:  # noqa: ARG002 - its resolutions are a list
        """See `Theirs`."""
        at, path = ticket.fields["state"], f"{API}/issue/{_part(ticket.id)}/transitions"
        waypoint = self._mapper.states["IN_PROGRESS"]
        for _ in range(_HOPS):
            if at.casefold() == state.casefold():
                return at
            offered = (await self._client.call("GET", path, expand="transitions.fields"))[0]["transitions"]
            chosen = _leading(offered, state) or (_leading(offered, waypoint) if at.casefold() != waypoint.casefold() else None)
            if chosen is None:
                names = ", ".join(sorted({each["to"]["name"] for each in offered})) or "nowhere"
                raise Refused(f"no transition leads from {at} to {state}, only to {names}")
            body: dict[str, Any] = {"transition": {"id": chosen["id"]}}
            if chosen.get("fields", {}).get("resolution", {}).get("required"):
                body["fields"] = {"resolution": {"name": self._connection.mapping.resolution or "Done"}}
            await self._client.call("POST", path, body)
            at = chosen["to"]["name"]
        if at.casefold() != state.casefold():
            raise Refused(f"{state} was not reached in {_HOPS} transitions, it is in {at}")
        return str(at)

    async def remarks(self, ticket: Ticket) -> Sequence[Remark]:
        """See `Theirs`."""
        found: list[Remark] = []
        path = f"{API}/issue/{_part(ticket.id)}/comment"
        while len(found) < _MOST_REMARKS:
            said, _ = await self._client.call("GET", path, startAt=len(found), maxResults=100, orderBy="created")
            found += [_remark(each) for each in said["comments"]]
            if not said["comments"] or len(found) >= said["total"]:
                break
        return found

    async def remark(self, ticket: Ticket, text: str, *, public: bool) -> str:
        """See `Theirs`. A service project hides from its customers what is not public; others show it to all."""
        body: dict[str, Any] = {"body": text}
        if not public:
            body["properties"] = [{"key": _FOR_CUSTOMERS, "value": {"internal": True}}]
        made, _ = await self._client.call("POST", f"{API}/issue/{_part(ticket.id)}/comment", body)
        return str(made["id"])

    async def fits(self, ticket: Ticket) -> bool:
        """See `Theirs`."""
        query = self._connection.mapping.query
        if not query:
            return False
        found, _ = await self._search(f"({query}) AND id = {_part(ticket.id)} ORDER BY updated ASC", "", 1)
        return bool(found)

    async def changed(self, since: timedelta, page: str) -> tuple[Sequence[Ticket], str]:
        """See `Theirs`. Asked in minutes before now: an instant would be read in the time zone of whoever asks."""
        query = self._connection.mapping.query
        among = f"({self._ours()} OR ({query}))" if query else self._ours()
        minutes = max(1, -(-since // timedelta(minutes=1)))
        return await self._search(f'{among} AND updated >= "-{minutes}m" ORDER BY updated ASC, key ASC', page, PAGE)

    async def changed_at(self, ticket: Ticket, field: str) -> datetime:
        """See `Theirs`."""
        said, _ = await self._client.call(
            "GET", f"{API}/issue/{_part(ticket.id)}", none=(403, 404), expand="changelog", fields="updated"
        )
        histories = (said or {}).get("changelog", {}).get("histories", [])
        times = [
            _instant(each["created"])
            for each in histories
            if any(item.get("field") == _NAMES[field] for item in each.get("items", []))
        ]
        return max(times, default=ticket.update_time)

    def _ours(self) -> str:
        return f'labels = "{self._connection.id}"'

    async def _cloud(self) -> bool:
        if self._in_cloud is None:
            said, _ = await self._client.call("GET", f"{API}/serverInfo")
            self._in_cloud = said.get("deploymentType") == "Cloud"
        return self._in_cloud

    async def _search(self, jql: str, page: str, most: int) -> tuple[Sequence[Ticket], str]:
        if await self._cloud():
            more: dict[str, Any] = {"nextPageToken": page} if page else {}
            said, _ = await self._client.call("GET", f"{API}/search/jql", jql=jql, fields=_FIELDS, maxResults=most, **more)
            following = str(said.get("nextPageToken") or "")
        else:
            start = int(page or 0)
            said, _ = await self._client.call("GET", f"{API}/search", jql=jql, fields=_FIELDS, startAt=start, maxResults=most)
            end = start + len(said["issues"])
            following = str(end) if said["issues"] and end < said["total"] else ""
        return [self._found(each) for each in said["issues"]], following

    def _found(self, said: Mapping[str, Any]) -> Ticket:
        """One among others, which are not to wait for one that cannot be understood."""
        try:
            return self._ticket(said)
        except ODD as odd:
            url, version = f"{self._connection.url.rstrip('/')}/browse/{said['key']}", said.get("fields", {}).get("updated")
            return Ticket.unread(str(said["id"]), str(said["key"]), url, str(version or ""), unlike(odd))

    def _ticket(self, said: Mapping[str, Any]) -> Ticket:
        fields = said["fields"]
        prefix = f"{self._connection.id}."
        return Ticket(
            id=str(said["id"]),
            key=said["key"],
            url=f"{self._connection.url.rstrip('/')}/browse/{said['key']}",
            version=fields["updated"],
            update_time=_instant(fields["updated"]),
            fields={
                "title": fields.get("summary") or "",
                "description": fields.get("description") or "",
                "state": fields["status"]["name"],
                "priority": (fields.get("priority") or {}).get("name", ""),
            },
            marked=self._connection.id in (fields.get("labels") or ()),
            correlation=next((each for each in fields.get("labels") or () if each.startswith(prefix)), ""),
            closing=(fields.get("resolution") or {}).get("name", ""),
        )


def explain(said: Any) -> str:
    """What a refusal of Jira says."""
    texts = [*said.get("errorMessages", ()), *(f"{name}: {text}" for name, text in said.get("errors", {}).items())]
    return "; ".join(str(text) for text in texts)


def _fields(values: Mapping[str, str]) -> dict[str, Any]:
    named = {_NAMES[name]: value for name, value in values.items() if name != "state"}
    if "priority" in named:
        return {**named, "priority": {"name": named["priority"]}}
    return dict(named)


def _leading(offered: Sequence[Mapping[str, Any]], state: str) -> Mapping[str, Any] | None:
    return next((each for each in offered if each["to"]["name"].casefold() == state.casefold()), None)


def _remark(said: Mapping[str, Any]) -> Remark:
    public = "visibility" not in said and said.get("jsdPublic", True)
    author = (said.get("author") or {}).get("displayName") or "somebody"
    return Remark(str(said["id"]), author, said.get("body") or "", bool(public))


def _instant(text: str) -> datetime:
    return datetime.strptime(text, _CLOUD_DATE).astimezone(UTC)


def _part(text: str) -> str:
    """Part of a path; what is no id of Jira is nothing that is asked for."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", text):
        raise Refused("this is no ticket of Jira")
    return quote(text)
