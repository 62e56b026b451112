"""What the records of the service desk hold in words, for the search."""

from chassis.texts import Wording
from services.incident.store import KINDS

_ARTICLES = "articles"
_WORDS = ("description", "summary", "body", "keywords", "resolution", "workaround", "cause", "category")
FACTS = {
    kind.plural: (
        ("state", "visibility", "team_ids", "author_id")
        if kind.plural == _ARTICLES
        else tuple(name for name in ("requester_id",) if name in kind.message.DESCRIPTOR.fields_by_name)
    )
    for kind in KINDS
    if kind.numbered
}
"""By plural, the fields that decide who reads a record; row scopes may name no other one (a test holds them to it)."""


def wordings() -> list[Wording]:
    """Every record with a number and a title, and the notes about them."""
    found = []
    for kind in KINDS:
        fields = kind.message.DESCRIPTOR.fields_by_name
        if kind.numbered and "title" in fields:
            words = tuple(name for name in _WORDS if name in fields)
            found.append(Wording(kind, words=words, facts=FACTS[kind.plural]))
        elif kind.plural == "notes":
            found.append(Wording(kind, words=("text",), open_field="public"))
    return found
