"""What the records of a service hold in words, for an index of them: `itsm.operations.v1.TextService`.

A service says of each kind which fields these are. The index may read records of every tenant; its readers are bounded where
it is asked, by the facts that come along with each text.

Fails: `Invalid` for a place in the walk that nobody gave; `Denied` for a caller that is no service.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from itsm.operations import v1 as pb

from chassis import context as ctx
from chassis.errors import Denied, Invalid
from chassis.store import Kind, Store
from chassis.store.backend import Document

SERVICE = "itsm.operations.v1.TextService"
MOST = 100
LONGEST = 16_000
_UPDATED = ("update_time", "create_time")


@dataclass(frozen=True, slots=True)
class Wording:
    """Which fields of a kind hold words, and which its readers are bounded by. `open_field` says of a part who may read it."""

    kind: Kind
    title: str = "title"
    words: tuple[str, ...] = ("description",)
    facts: tuple[str, ...] = ()
    open_field: str = ""


class Texts:
    """Records in words."""

    def __init__(self, store: Store, wordings: Iterable[Wording]) -> None:
        self._store = store
        self._wordings: Mapping[str, Wording] = {each.kind.plural: each for each in wordings}
        self._order = sorted(self._wordings)

    async def read(self, subjects: Sequence[str]) -> list[pb.Text]:
        """Those of the caller's tenant that are there. Raises `Invalid` for too many."""
        if len(subjects) > MOST:
            raise Invalid({"subjects": f"may be {MOST}, not {len(subjects)}"})
        documents = await self._documents(ctx.current().tenant, subjects)
        return await self._texts(documents)

    async def walk(self, after: str) -> tuple[list[pb.Text], str]:
        """The next ones of all tenants, and where to go on; empty at the end."""
        plural, _, last = after.partition("/")
        if after and plural not in self._wordings:
            raise Invalid({"after": "is no place in this walk"})
        for each in self._order[self._order.index(plural) if after else 0 :]:
            query = {"tenant": {"$gt": ""}, "_id": {"$gt": last if each == plural else ""}}
            collection = self._wordings[each].kind.collection
            found = await self._store.backend.find(collection, query, sort=[("_id", 1)], limit=MOST)
            if found:
                texts = await self._texts([(f"{each}/{row['_id']}", row) for row in found])
                return texts, f"{each}/{found[-1]['_id']}"
        return [], ""

    async def _documents(self, tenant: str, subjects: Iterable[str]) -> list[tuple[str, Document]]:
        wanted: dict[str, list[str]] = {}
        for subject in dict.fromkeys(subjects):
            plural, _, name = subject.partition("/")
            if plural in self._wordings:
                wanted.setdefault(plural, []).append(name)
        found = []
        for plural, names in wanted.items():
            query = {"tenant": tenant, "_id": {"$in": names}}
            rows = await self._store.backend.find(self._wordings[plural].kind.collection, query)
            found += [(f"{plural}/{row['_id']}", row) for row in rows]
        return found

    async def _texts(self, documents: Sequence[tuple[str, Document]]) -> list[pb.Text]:
        """Parts say what the record that they are about is, and are for its readers at most."""
        by_tenant: dict[str, list[str]] = {}
        for subject, row in documents:
            if about := self._about(subject, row):
                by_tenant.setdefault(row["tenant"], []).append(about)
        wholes = {
            (tenant, subject): row
            for tenant, subjects in by_tenant.items()
            for subject, row in await self._documents(tenant, subjects)
        }
        texts = []
        for subject, row in documents:
            about = self._about(subject, row)
            whole = wholes.get((row["tenant"], about)) if about else row
            if whole is not None and not row.get("delete_time"):
                texts.append(self._text(subject, row, about, whole))
        return texts

    def _about(self, subject: str, row: Document) -> str:
        field = self._wordings[subject.partition("/")[0]].kind.about
        return str(row[field]) if field else ""

    def _text(self, subject: str, row: Document, about: str, whole: Document) -> pb.Text:
        wording = self._wordings[subject.partition("/")[0]]
        of = self._wordings[about.partition("/")[0]] if about else wording
        body = "\n".join(_said(row.get(name)) for name in wording.words if row.get(name))
        text = pb.Text(
            tenant=row["tenant"],
            subject=subject,
            about=about,
            number=str(whole.get("number") or ""),
            title=str(whole.get(of.title) or ""),
            body=body[:LONGEST],
            state=str(row.get("state") or ""),
            language=str(whole.get("language") or ""),
            facts=[f"{name}={value}" for name in of.facts for value in _several(whole.get(name))],
            internal=bool(wording.open_field) and not row.get(wording.open_field),
        )
        updated = next((row[name] for name in _UPDATED if row.get(name) is not None), None)
        if updated is not None:
            text.update_time.FromDatetime(updated)
        return text


class TextApi(pb.TextServiceServicer):
    """`itsm.operations.v1.TextService`."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    async def ReadTexts(self, request: pb.ReadTextsRequest, context: Any) -> pb.ReadTextsResponse:  # noqa: ARG002, N802
        _require_service()
        return pb.ReadTextsResponse(texts=await self._texts.read(request.subjects))

    async def WalkTexts(self, request: pb.WalkTextsRequest, context: Any) -> pb.WalkTextsResponse:  # noqa: ARG002, N802
        _require_service()
        texts, following = await self._texts.walk(request.after)
        return pb.WalkTextsResponse(texts=texts, next=following)


def _require_service() -> None:
    """Whatever a role permits: records of all tenants are for no person."""
    if ctx.current().actor.kind != "service":
        raise Denied("texts.read")


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _said(value: Any) -> str:
    match value:
        case str():
            return value
        case Mapping():
            return " ".join(_said(each) for each in value.values())
        case list():
            return " ".join(_said(each) for each in value)
        case bool() | None:
            return ""
        case _:
            return str(value)
