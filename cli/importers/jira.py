"""Jira, Cloud and Data Center: issues as its search answers them (JSON, pages of it, with their change log and comments), and
as its lists export them (CSV, where a column such as `Comment` comes once for each).

Texts are plain in the older interface and documents in the newer; both are taken. Times in JSON say their zone; those in CSV
are in the zone and form of whoever exported.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cli.importers.mapping import SKIP, Defaults, Meanings
from cli.importers.records import Change, Person, Piece, Raw, Remark, Ticket, Unusable
from cli.importers.values import first, of_document, path, several, text

DEFAULTS = Defaults(
    tables={
        "states": {
            "Open": "NEW", "New": "NEW", "To Do": "NEW", "Backlog": "NEW", "Waiting for support": "NEW",
            "Selected for Development": "ASSIGNED", "Work in progress": "IN_PROGRESS", "In Progress": "IN_PROGRESS",
            "Escalated": "IN_PROGRESS", "Under investigation": "IN_PROGRESS", "In Review": "IN_PROGRESS",
            "Reopened": "IN_PROGRESS", "Waiting for customer": "ON_HOLD CALLER", "Pending": "ON_HOLD CALLER",
            "On Hold": "ON_HOLD CALLER", "Waiting for vendor": "ON_HOLD VENDOR", "Resolved": "RESOLVED",
            "Completed": "RESOLVED", "Closed": "CLOSED", "Done": "CLOSED", "Canceled": "CANCELLED", "Cancelled": "CANCELLED",
            "Declined": "CANCELLED",
        },
        "priorities": {
            "Blocker": "P1", "Critical": "P1", "Highest": "P1", "Major": "P2", "High": "P2", "Medium": "P3", "Minor": "P4",
            "Low": "P4", "Trivial": "P5", "Lowest": "P5",
        },
        "types": {"Epic": SKIP, "Sub-task": SKIP, "Subtask": SKIP},
    },
    dates=("%d/%b/%y %I:%M %p", "%d/%b/%y %H:%M"),
)  # fmt: skip

_CATEGORIES = {"new": "NEW", "indeterminate": "IN_PROGRESS", "done": "CLOSED"}
_CATEGORY_NAMES = {"To Do": "new", "In Progress": "indeterminate", "Done": "done"}
_TRACKED = {"status": "state", "assignee": "assignee", "priority": "priority", "issuetype": "", "component": ""}


class Jira:
    """See the module."""

    api = 1
    name = "jira"
    title = "Jira"
    defaults = DEFAULTS
    members: Mapping[str, int] = {"issues": 1}

    def pieces(self, raw: Raw, meanings: Meanings) -> Iterable[Piece]:
        """What an issue says."""
        if isinstance(raw.fields.get("fields"), Mapping):
            return _issue(raw, raw.fields["fields"], meanings)
        named = Raw(raw.place, raw.table, {meanings.column(name): value for name, value in raw.fields.items()})
        return _row(named, meanings) if "Issue key" in named.fields else ()


def _issue(raw: Raw, fields: Mapping[str, Any], meanings: Meanings) -> Iterator[Piece]:
    key = text(raw.fields.get("key"))
    if not key:
        raise Unusable("key", "is empty")
    status = _object(fields.get("status"))
    state = text(status.get("name"))
    kind = text(_object(status.get("statusCategory")).get("key"))
    if kind in _CATEGORIES:
        meanings.learn(state, _CATEGORIES[kind])
    type_ = text(_object(fields.get("issuetype")).get("name"))
    if meanings.said("types", type_) == SKIP:
        return
    resolved = meanings.times.read(fields.get("resolutiondate"), "resolutiondate")
    yield Ticket(
        key=key,
        number=key,
        title=text(fields.get("summary")),
        description=_words(fields.get("description")),
        opened=meanings.times.needed(fields.get("created"), "created"),
        updated=meanings.times.read(fields.get("updated"), "updated"),
        state=state,
        requester=_who(first_of(fields, "reporter", "creator")),
        assignee=_who(fields.get("assignee")),
        priority=text(_object(fields.get("priority")).get("name")),
        category=path(_names(fields.get("components"))) or type_,
        code=text(_object(fields.get("resolution")).get("name")),
        moments={"RESOLVED": resolved} if resolved else {},
    )
    for role in ("reporter", "creator", "assignee"):
        yield from _person(fields.get(role))
    for comment in _list(_object(fields.get("comment")).get("comments")):
        yield from _comment(key, comment, meanings)
    for entry in _list(_object(raw.fields.get("changelog")).get("histories")):
        yield from _changes(key, entry, meanings)


def _comment(key: str, comment: Mapping[str, Any], meanings: Meanings) -> Iterator[Piece]:
    words = _words(comment.get("body"))
    if words:
        time = meanings.times.needed(comment.get("created"), "comment.created")
        # Where Jira does not say that a customer sees it, it stays among the team.
        public = comment.get("jsdPublic") is True and not comment.get("visibility")
        author = _who(comment.get("author"))
        comment_id = text(comment.get("id")) or time.isoformat()
        yield Remark(key=key, id=comment_id, time=time, text=words, public=public, author=author)
        yield from _person(comment.get("author"))


def _changes(key: str, entry: Mapping[str, Any], meanings: Meanings) -> Iterator[Piece]:
    time = meanings.times.needed(entry.get("created"), "changelog.created")
    actor = _who(entry.get("author"))
    yield from _person(entry.get("author"))
    for place, item in enumerate(_list(entry.get("items"))):
        what = _TRACKED.get(text(item.get("field")).lower(), "")
        if not what:
            continue
        ends = ("from", "to") if what == "assignee" else ("fromString", "toString")
        old, new = (text(item.get(end)) for end in ends)
        yield Change(key=key, id=f"{text(entry.get('id'))}/{place}", time=time, what=what, old=old, new=new, actor=actor)
        if what == "assignee":
            for end, name in (("from", "fromString"), ("to", "toString")):
                if text(item.get(end)):
                    yield Person(key=text(item.get(end)), name=text(item.get(name)))


def _row(raw: Raw, meanings: Meanings) -> Iterator[Piece]:
    """A row of a list."""
    fields, times = raw.fields, meanings.times
    key = text(fields.get("Issue key"))
    if not key:
        raise Unusable("Issue key", "is empty")
    state = text(fields.get("Status"))
    if kind := _CATEGORY_NAMES.get(text(fields.get("Status Category"))):
        meanings.learn(state, _CATEGORIES[kind])
    type_ = text(first(raw, "Issue Type", "Issue type"))
    if meanings.said("types", type_) == SKIP:
        return
    resolved = times.read(fields.get("Resolved"), "Resolved")
    people = {role: text(first(raw, f"{role} Id", f"{role} id", role)) for role in ("Reporter", "Creator", "Assignee")}
    yield Ticket(
        key=key,
        number=key,
        title=text(fields.get("Summary")),
        description=text(fields.get("Description")),
        opened=times.needed(fields.get("Created"), "Created"),
        updated=times.read(fields.get("Updated"), "Updated"),
        state=state,
        requester=people["Reporter"] or people["Creator"],
        assignee=people["Assignee"],
        priority=text(fields.get("Priority")),
        category=path([*several(fields.get("Component/s")), *several(fields.get("Components"))]) or type_,
        code=text(fields.get("Resolution")),
        moments={"RESOLVED": resolved} if resolved else {},
    )
    for role, who in people.items():
        if who and who != (name := text(fields.get(role))):
            yield Person(key=who, name=name)
    for place, said in enumerate(several(fields.get("Comment"))):
        time, _, rest = said.partition(";")
        author, _, words = rest.partition(";")
        if not words.strip():
            raise Unusable("Comment", f"{said[:60]!r} is not a time, an author and a text with semicolons between them")
        at = times.needed(time, "Comment")
        yield Remark(key=key, id=f"{place} {time} {author}", time=at, text=words.strip(), author=author)


def _words(value: Any) -> str:
    return of_document(value).strip() if isinstance(value, Mapping) else text(value)


def _who(value: Any) -> str:
    about = _object(value)
    return next((found for name in ("accountId", "key", "name", "displayName") if (found := text(about.get(name)))), "")


def _person(value: Any) -> Iterator[Person]:
    about = _object(value)
    if key := _who(about):
        name, mail = text(about.get("displayName")), text(about.get("emailAddress"))
        yield Person(key=key, login=text(about.get("name")), name=name, mail=mail)


def first_of(fields: Mapping[str, Any], *names: str) -> Any:
    """The first of these members that is there."""
    return next((fields[name] for name in names if fields.get(name)), None)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _names(value: Any) -> list[str]:
    return [text(each.get("name")) for each in _list(value)]
