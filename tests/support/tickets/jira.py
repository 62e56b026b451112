"""Jira's REST API, version 2, as far as tickets are concerned: create, read, edit, transitions, comments, search."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.support.tickets.serving import Asked, No, System

API = "/rest/api/2"
STATUSES = ("To Do", "In Progress", "Done", "In Review")
PRIORITIES = ("Highest", "High", "Medium", "Low", "Lowest")
WORKFLOW = {
    "To Do": {"21": "In Progress"},
    "In Progress": {"11": "To Do", "31": "Done", "51": "In Review"},
    "In Review": {"31": "Done", "21": "In Progress"},
    "Done": {"41": "In Progress"},
}
_EDITED = {"summary", "description", "priority", "labels"}
_MADE = _EDITED | {"project", "issuetype"}


@dataclass
class Issue:
    """A ticket of theirs."""

    id: str
    key: str
    created: datetime
    updated: datetime
    summary: str
    description: str = ""
    status: str = "To Do"
    priority: str = "Medium"
    resolution: str = ""
    labels: list[str] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Jira(System):
    """One project, `OPS`, in the cloud or not. Searches see what is older than `lag`; `rights` are what we may do there."""

    cloud: bool = True
    lag: timedelta = timedelta(0)
    rights: set[str] = field(
        default_factory=lambda: {"BROWSE_PROJECTS", "CREATE_ISSUES", "EDIT_ISSUES", "TRANSITION_ISSUES", "ADD_COMMENTS"}
    )
    issues: dict[str, Issue] = field(default_factory=dict)

    def nobody(self) -> Any:
        """See `System`."""
        return {"errorMessages": ["Client must be authenticated to access this resource."], "errors": {}}

    def answer(self, asked: Asked) -> tuple[int, Any]:
        """See `System`."""
        if not asked.path.startswith(API):
            raise _no(404, "null for uri")
        path, method = asked.path.removeprefix(API), asked.method
        if (method, path) == ("GET", "/serverInfo"):
            return 200, {"baseUrl": self.url, "version": "1001.0.0", "deploymentType": "Cloud" if self.cloud else "Server"}
        if (method, path) == ("GET", "/myself"):
            return 200, {"accountId": "5b10", "displayName": "Sync", "active": True}
        if (method, path) == ("GET", "/mypermissions"):
            _only(asked, "projectKey", "permissions")
            names = asked.query["permissions"].split(",")
            return 200, {"permissions": {name: {"key": name, "havePermission": name in self.rights} for name in names}}
        if (method, path) == ("GET", "/search/jql") and self.cloud:
            return self._searched(asked, "nextPageToken")
        if (method, path) == ("GET", "/search") and not self.cloud:
            return self._searched(asked, "startAt")
        if (method, path) == ("POST", "/issue"):
            return self._create(asked)
        found = re.fullmatch(r"/issue/([^/]+)(/transitions|/comment)?", path)
        issue = self._issue(found[1]) if found else None
        if found is None or issue is None:
            raise _no(404, "Issue does not exist or you do not have permission to see it.")
        return self._of_issue(method, found[2] or "", issue, asked)

    def _of_issue(self, method: str, part: str, issue: Issue, asked: Asked) -> tuple[int, Any]:
        match method, part:
            case "GET", "":
                _only(asked, "fields", "expand")
                return 200, self._shown(issue, asked.query.get("fields", ""), asked.query.get("expand", ""))
            case "PUT", "":
                return self._edit(issue, asked.body)
            case "GET", "/transitions":
                return 200, {"transitions": [_transition(each, to) for each, to in WORKFLOW[issue.status].items()]}
            case "POST", "/transitions":
                return self._move(issue, asked.body)
            case "GET", "/comment":
                _only(asked, "startAt", "maxResults", "orderBy")
                start, most = int(asked.query["startAt"]), int(asked.query["maxResults"])
                page = issue.comments[start : start + most]
                return 200, {"startAt": start, "maxResults": most, "total": len(issue.comments), "comments": page}
            case "POST", "/comment":
                if set(asked.body) - {"body", "visibility", "properties"} or not asked.body.get("body", "").strip():
                    raise _no(400, errors={"comment": "Comment body can not be empty!"})
                internal = {"key": "sd.public.comment", "value": {"internal": True}} in asked.body.get("properties", ())
                return 201, self.comment(issue, asked.body["body"], "Sync", jsdPublic=not internal)
        raise _no(405, "Method Not Allowed")

    def comment(self, issue: Issue, body: str, author: str = "Ann Lee", **more: Any) -> dict[str, Any]:
        """Somebody says something."""
        said = {
            "id": str(10000 + sum(len(each.comments) for each in self.issues.values())),
            "author": {"displayName": author},
            "body": body,
            "created": _text(self.clock()),
            "updated": _text(self.clock()),
            **more,
        }
        issue.comments.append(said)
        issue.updated = self.clock()
        return said

    def change(self, issue: Issue, **values: Any) -> None:
        """Somebody changes something."""
        for name, value in values.items():
            if getattr(issue, name) != value:
                setattr(issue, name, value)
                issue.history.append({"created": _text(self.clock()), "items": [{"field": name, "toString": str(value)}]})
        issue.updated = self.clock()

    def only(self) -> Issue:
        """The one ticket that there is."""
        (issue,) = self.issues.values()
        return issue

    def make(self, **values: Any) -> Issue:
        """Somebody makes a ticket."""
        number, now = len(self.issues) + 1, self.clock()
        issue = Issue(id=str(10000 + number), key=f"OPS-{number}", created=now, updated=now, **values)
        self.issues[issue.id] = issue
        return issue

    def _create(self, asked: Asked) -> tuple[int, Any]:
        if set(asked.body) != {"fields"} or "CREATE_ISSUES" not in self.rights:
            raise _no(400, "You do not have permission to create issues in this project.")
        fields = asked.body["fields"]
        _judge(fields, _MADE)
        if fields.get("project") != {"key": "OPS"}:
            raise _no(400, errors={"project": "valid project is required"})
        if fields.get("issuetype") not in ({"name": "Task"}, {"name": "Incident"}):
            raise _no(400, errors={"issuetype": "valid issue type is required"})
        issue = self.make(
            summary=fields["summary"],
            description=fields.get("description", ""),
            priority=fields.get("priority", {"name": "Medium"})["name"],
            labels=list(fields.get("labels", ())),
        )
        return 201, {"id": issue.id, "key": issue.key, "self": f"{self.url}{API}/issue/{issue.id}"}

    def _edit(self, issue: Issue, body: Any) -> tuple[int, Any]:
        if set(body) - {"fields", "update"} or "EDIT_ISSUES" not in self.rights:
            raise _no(403, "You do not have permission to edit issues in this project.")
        fields = body.get("fields", {})
        _judge(fields, _EDITED, partial=True)
        changed = {name: value["name"] if name == "priority" else value for name, value in fields.items()}
        for operation in body.get("update", {}).get("labels", ()):
            changed["labels"] = [*changed.get("labels", issue.labels), operation["add"]]
        self.change(issue, **changed)
        return 204, None

    def _move(self, issue: Issue, body: Any) -> tuple[int, Any]:
        to = WORKFLOW[issue.status].get(body["transition"]["id"])
        if to is None:
            raise _no(400, f"Transition id '{body['transition']['id']}' is not valid for this issue.")
        resolution = body.get("fields", {}).get("resolution", {}).get("name", "")
        if to == "Done" and resolution != "Done":
            raise _no(400, errors={"resolution": "Resolution is required."})
        self.change(issue, status=to, resolution=resolution)
        return 204, None

    def _issue(self, name: str) -> Issue | None:
        return next((each for each in self.issues.values() if name in (each.id, each.key)), None)

    def _shown(self, issue: Issue, fields: str, expand: str = "") -> dict[str, Any]:
        known = {
            "summary": issue.summary,
            "description": issue.description or None,
            "status": {"name": issue.status},
            "priority": {"name": issue.priority},
            "labels": issue.labels,
            "resolution": {"name": issue.resolution} if issue.resolution else None,
            "updated": _text(issue.updated),
        }
        wanted = fields.split(",")
        if strange := set(wanted) - set(known):
            raise _no(400, f"no field {strange}")
        shown: dict[str, Any] = {"id": issue.id, "key": issue.key, "fields": {name: known[name] for name in wanted}}
        if expand == "changelog":
            shown["changelog"] = {"histories": issue.history[::-1]}
        return shown

    def _searched(self, asked: Asked, pager: str) -> tuple[int, Any]:
        _only(asked, "jql", "fields", "maxResults", pager)
        start, most = int(asked.query.get(pager, 0) or 0), int(asked.query["maxResults"])
        text, _, order = asked.query["jql"].partition(" ORDER BY ")
        if not re.fullmatch(r"(updated|created) ASC(, key ASC)?", order):
            raise _no(400, f"Error in the JQL Query: Expecting an order but got '{order}'.")
        seen = [each for each in self.issues.values() if each.updated <= self.clock() - self.lag]
        found = sorted((each for each in seen if self._fits(each, text)), key=lambda each: (each.updated, each.id))
        page = [self._shown(each, asked.query["fields"]) for each in found[start : start + most]]
        if pager == "startAt":
            return 200, {"startAt": start, "maxResults": most, "total": len(found), "issues": page}
        end = start + len(page)
        return 200, {"issues": page, "isLast": end >= len(found)} | ({"nextPageToken": str(end)} if end < len(found) else {})

    def _fits(self, issue: Issue, text: str) -> bool:
        parts = re.findall(r'"[^"]*"|\(|\)|>=|=|\w+', text)
        if "".join(parts) != text.replace(" ", "") and "".join(parts).replace(" ", "") != text.replace(" ", ""):
            raise _no(400, f"Error in the JQL Query: {text}")
        value = self._either(issue, parts)
        if parts:
            raise _no(400, f"Error in the JQL Query: Expecting the end but got '{parts[0]}'.")
        return value

    def _either(self, issue: Issue, parts: list[str]) -> bool:
        value = self._both(issue, parts)
        while parts and parts[0] == "OR":
            parts.pop(0)
            value = self._both(issue, parts) or value
        return value

    def _both(self, issue: Issue, parts: list[str]) -> bool:
        value = self._one(issue, parts)
        while parts and parts[0] == "AND":
            parts.pop(0)
            value = self._one(issue, parts) and value
        return value

    def _one(self, issue: Issue, parts: list[str]) -> bool:
        if parts and parts[0] == "(":
            parts.pop(0)
            value = self._either(issue, parts)
            if not parts or parts.pop(0) != ")":
                raise _no(400, "Error in the JQL Query: Expecting ')'.")
            return value
        if len(parts) < 3:
            raise _no(400, "Error in the JQL Query: it ends too soon.")
        name, sign, operand = parts.pop(0), parts.pop(0), parts.pop(0).strip('"')
        match name, sign:
            case "labels", "=":
                return operand in issue.labels
            case "id", "=":
                return operand == issue.id
            case "project", "=":
                return operand == "OPS"
            case "updated", ">=" if re.fullmatch(r"-[0-9]+m", operand):
                return issue.updated >= self.clock() - timedelta(minutes=int(operand[1:-1]))
        raise _no(400, f"Field '{name}' does not exist or you do not have permission to view it.")


def _judge(fields: dict[str, Any], allowed: set[str], *, partial: bool = False) -> None:
    for name in fields:
        if name not in allowed:
            raise _no(400, errors={name: f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."})
    summary = fields.get("summary", "x" if partial else "")
    if not summary.strip() or "\n" in summary or len(summary) > 255:
        raise _no(400, errors={"summary": "You must specify a summary of the issue, on one line of 255 characters."})
    if len(fields.get("description") or "") > 32_767:
        raise _no(400, errors={"description": "The entered text is too long."})
    if fields.get("priority", {"name": "Medium"})["name"] not in PRIORITIES:
        raise _no(400, errors={"priority": "Specify a valid priority."})
    if any(" " in label for label in fields.get("labels", ())):
        raise _no(400, errors={"labels": "The label contains spaces which is invalid."})


def _only(asked: Asked, *names: str) -> None:
    if strange := set(asked.query) - set(names):
        raise _no(400, f"unknown parameters: {strange}")


def _transition(id: str, to: str) -> dict[str, Any]:  # noqa: A002 - as its field
    fields = {"resolution": {"required": True, "allowedValues": [{"name": "Done"}]}} if to == "Done" else {}
    return {"id": id, "name": to, "to": {"name": to}, "fields": fields}


def _no(status: int, message: str = "", errors: dict[str, str] | None = None) -> No:
    return No(status, {"errorMessages": [message] if message else [], "errors": errors or {}})


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"
