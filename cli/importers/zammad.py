"""Zammad: what its REST interface answers, kept as files: tickets, articles, users, groups, states, priorities, history.

Lists may be asked for with `expand=true`, which gives names beside the ids, or be the answer of a search with its `assets`.
The first article of a ticket is its description, the others are notes. Times are in UTC.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cli.importers.mapping import Defaults, Meanings
from cli.importers.records import Change, Label, Person, Piece, Raw, Remark, Team, Ticket, Unusable
from cli.importers.values import first, text, unmarked

DEFAULTS = Defaults(
    tables={
        "states": {
            "new": "NEW", "open": "IN_PROGRESS", "pending reminder": "ON_HOLD SCHEDULED", "pending close": "RESOLVED",
            "closed": "CLOSED", "merged": "CANCELLED", "removed": "CANCELLED", "1": "NEW", "2": "IN_PROGRESS",
            "3": "ON_HOLD SCHEDULED", "4": "CLOSED", "5": "CANCELLED",
        },
        "priorities": {"1 low": "P4", "2 normal": "P3", "3 high": "P2", "1": "P4", "2": "P3", "3": "P2"},
    }
)  # fmt: skip

_TABLES = {
    "ticket": "ticket", "tickets": "ticket", "ticketarticle": "article", "ticket_articles": "article", "articles": "article",
    "ticket_article": "article", "user": "user", "users": "user", "group": "group", "groups": "group", "ticketstate": "state",
    "ticket_states": "state", "ticketpriority": "priority", "ticket_priorities": "priority", "history": "history",
    "ticket_history": "history",
}  # fmt: skip
_TRACKED = {"state": "state", "owner": "assignee", "group": "team", "priority": "priority"}
_NOBODY = frozenset({"-", "1", "0", ""})


class Zammad:
    """See the module."""

    api = 1
    name = "zammad"
    title = "Zammad"
    defaults = DEFAULTS
    members: Mapping[str, int] = {"assets": 2, "history": 1}

    def pieces(self, raw: Raw, meanings: Meanings) -> Iterable[Piece]:
        """What a record of one of the lists says."""
        make = _MAKERS.get(_table(raw))
        return make(raw, meanings) if make else ()


def _table(raw: Raw) -> str:
    fields = raw.fields.keys()
    if {"ticket_id", "body"} <= fields:
        return "article"
    if {"number", "title"} <= fields:
        return "ticket"
    if {"object", "o_id"} <= fields:
        return "history"
    if "login" in fields:
        return "user"
    return _TABLES.get(raw.table.lower(), "")


def _ticket(raw: Raw, meanings: Meanings) -> Iterator[Piece]:
    fields, times = raw.fields, meanings.times
    key, number = text(fields.get("id")), text(fields.get("number"))
    if not key or not number:
        raise Unusable("number" if key else "id", "is empty")
    moments = {"IN_PROGRESS": times.read(first(raw, "first_response_at", "first_response"), "first_response_at"),
               "CLOSED": times.read(fields.get("close_at"), "close_at")}  # fmt: skip
    yield Ticket(
        key=key,
        number=number,
        title=text(fields.get("title")),
        opened=times.needed(fields.get("created_at"), "created_at"),
        updated=times.read(fields.get("updated_at"), "updated_at"),
        state=text(first(raw, "state", "state_id")),
        requester=text(first(raw, "customer_id", "customer")),
        assignee=_somebody(first(raw, "owner_id", "owner")),
        team=text(first(raw, "group_id", "group")),
        priority=text(first(raw, "priority", "priority_id")),
        category=text(first(raw, "category", "type")),
        moments={state: time for state, time in moments.items() if time},
        described_by_note=True,
    )
    for role in ("customer", "owner"):
        login = text(fields.get(role))
        if (who := text(fields.get(f"{role}_id"))) and _somebody(login):
            yield Person(key=who, login=login, name=login, mail=login if "@" in login else "")
    if (group := text(fields.get("group_id"))) and (name := text(fields.get("group"))):
        yield Team(key=group, name=name)


def _article(raw: Raw, meanings: Meanings) -> Iterator[Piece]:
    fields = raw.fields
    key = text(fields.get("ticket_id"))
    if not key:
        raise Unusable("ticket_id", "is empty")
    marked = text(fields.get("content_type")).lower().startswith("text/html")
    words = unmarked(fields.get("body")) if marked else text(fields.get("body"))
    if words:
        time = meanings.times.needed(fields.get("created_at"), "created_at")
        author = text(first(raw, "origin_by_id", "created_by_id", "created_by"))
        article_id = text(fields.get("id")) or time.isoformat()
        public = text(fields.get("internal")) != "true"
        yield Remark(key=key, id=article_id, time=time, text=words, public=public, author=author)


def _user(raw: Raw, _: Meanings) -> Iterator[Piece]:
    fields = raw.fields
    name = " ".join(part for part in (text(fields.get("firstname")), text(fields.get("lastname"))) if part)
    key, login = text(fields.get("id")), text(fields.get("login"))
    if not key:
        raise Unusable("id", "is empty")
    if _somebody(login):
        yield Person(key=key, login=login, name=name, mail=text(fields.get("email")))


def _group(raw: Raw, _: Meanings) -> Iterator[Piece]:
    if name := text(raw.fields.get("name")):
        yield Team(key=text(raw.fields.get("id")) or name, name=name)


def _labels(what: str) -> Any:
    def labels(raw: Raw, _: Meanings) -> Iterator[Piece]:
        if (key := text(raw.fields.get("id"))) and (name := text(raw.fields.get("name"))):
            yield Label(key=f"{what}/{key}", name=name)

    return labels


def _history(raw: Raw, meanings: Meanings) -> Iterator[Piece]:
    fields = raw.fields
    what = _TRACKED.get(text(fields.get("attribute")), "")
    if text(fields.get("object")) != "Ticket" or not what or text(fields.get("type")) != "updated":
        return
    ids = what in ("assignee", "team")
    old, new = (text(fields.get(f"id_{end}" if ids else f"value_{end}")) for end in ("from", "to"))
    if what == "assignee":
        old, new = _somebody(old), _somebody(new)
    time = meanings.times.needed(fields.get("created_at"), "created_at")
    yield Change(
        key=text(fields.get("o_id")),
        id=text(fields.get("id")) or f"{time.isoformat()} {what}",
        time=time,
        what=what,
        old=old,
        new=new,
        actor=text(first(raw, "created_by_id", "created_by")),
    )


def _somebody(value: Any) -> str:
    """The system's own user, `-` with the id 1, stands for nobody."""
    said = text(value)
    return "" if said in _NOBODY else said


_MAKERS: Mapping[str, Any] = {
    "ticket": _ticket,
    "article": _article,
    "user": _user,
    "group": _group,
    "state": _labels("state"),
    "priority": _labels("priority"),
    "history": _history,
}
