"""Models that sort incidents: asked for, put to use, taken out of it. And what they suggest."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from chassis import context as ctx
from chassis.codec import from_document
from chassis.domain import Ids, new_id
from chassis.errors import AlreadyExists, Invalid
from chassis.store import Delete, Store, Transaction
from services.incident.domain.incident import Incident
from services.incident.domain.triage_model import ModelState, Purpose, TriageModel
from services.incident.triage.likeness import Likeness
from services.incident.triage.model import Model, Suggestion
from services.incident.usecases.acting import act
from services.incident.usecases.reading import Document

MODELS, PIECES = "triage_models", "triage_model_pieces"
TRAINING_CLAIM = "triage-training"
LABELS_SHOWN, SIMILAR_SHOWN = 3, 5
LEAST_ALIKE = 0.2
"""Below it, two tickets share what many share."""
REMEMBERED = 128 << 20
"""Bytes of models, as they are kept, that one process holds ready; the ones that were asked longest ago leave first."""
SORTING = (Purpose.CATEGORY, Purpose.TEAM, Purpose.PRIORITY)


@dataclass(frozen=True, slots=True)
class Suggested:
    """What one model says: the likeliest labels first."""

    purpose: Purpose
    model_id: str
    labels: Sequence[Suggestion]


@dataclass(frozen=True, slots=True)
class Similar:
    """An earlier incident as it is now, and how like it is."""

    document: Document
    likeness: float


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What is said of one incident."""

    labels: Sequence[Suggested]
    similar: Sequence[Similar]


class Triage:
    """Models of the current tenant. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, *, ids: Ids = new_id) -> None:
        self._store, self._ids = store, ids
        self._ready: OrderedDict[str, tuple[int, Model | Likeness]] = OrderedDict()
        self._loading = asyncio.Lock()

    async def create(self, purpose: Purpose, *, held_back: bool) -> TriageModel:
        """A model that is to be learned. Raises `AlreadyExists` while another one of its purpose is being learned."""
        async with self._store.transaction() as tx:
            if (holder := await tx.holder(TRAINING_CLAIM, purpose)) is not None:
                raise AlreadyExists("triage model", holder, f"{holder} is being learned for {purpose}")
            model = TriageModel.asked_for(act(self._store), id=self._ids("trm"), purpose=purpose, held_back=held_back)
            tx.claim(TRAINING_CLAIM, purpose, model.id)
            tx.add(model)
        return model

    async def activate(self, id: str, *, etag: str = "") -> TriageModel:  # noqa: A002 - as its field
        """Suggestions come from it; the one before it stays ready. Raises `ForbiddenMove` for one that knows nothing."""
        async with self._store.transaction() as tx:
            model = await tx.get(TriageModel, id, etag=etag)
            model.activate()
            await make_way(tx, model)
            tx.save(model)
        return model

    async def retire(self, id: str, *, etag: str = "") -> TriageModel:  # noqa: A002 - as above
        """It is used no more, and what it knew is gone."""
        async with self._store.transaction() as tx:
            model = await tx.get(TriageModel, id, etag=etag)
            forget(tx, model)
        return model

    async def suggest(self, id: str) -> Suggestions:  # noqa: A002 - as above
        """How an incident may be sorted, and which earlier ones, that the caller may see, are like it."""
        document = await self._store.document(Incident, id)
        text = said(document)
        labels, similar = list[Suggested](), list[Similar]()
        for model in await self._active():
            known = await self._load(model)
            if isinstance(known, Model):
                labels.append(Suggested(model.purpose, model.id, known.suggest(text)[:LABELS_SHOWN]))
            elif known is not None:
                similar = await self._alike(known, text, document["_id"])
        return Suggestions(sorted(labels, key=lambda each: list(Purpose).index(each.purpose)), similar)

    async def _alike(self, known: Likeness, text: str, own: str) -> list[Similar]:
        alike = {each.id: each.likeness for each in known.alike(text, SIMILAR_SHOWN + 1, LEAST_ALIKE) if each.id != own}
        found = await self._store.find("incidents", {"_id": {"$in": list(alike)}}, limit=len(alike) or 1, naive=True)
        ranked = sorted(found, key=lambda document: -alike[document["_id"]])
        return [Similar(document, alike[document["_id"]]) for document in ranked[:SIMILAR_SHOWN]]

    async def _active(self) -> Sequence[TriageModel]:
        query = {"tenant": ctx.current().tenant, "state": ModelState.ACTIVE.value}
        return [from_document(row, TriageModel) for row in await self._store.backend.find(MODELS, query)]

    async def _load(self, model: TriageModel) -> Model | Likeness | None:
        """What a model knows; None where it was retired meanwhile."""
        if (kept := self._ready.get(model.id)) is not None:
            self._ready.move_to_end(model.id)
            return kept[1]
        async with self._loading:
            if (kept := self._ready.get(model.id)) is not None:
                return kept[1]
            keys = [f"{model.id}|{place}" for place in range(model.pieces)]
            query = {"_id": {"$in": keys}, "tenant": ctx.current().tenant}
            found = {row["_id"]: row["content"] for row in await self._store.backend.find(PIECES, query)}
            if len(found) < len(keys):
                return None
            data = b"".join(bytes(found[key]) for key in keys)
            known = await asyncio.to_thread(read, model.purpose, data)
            self._ready[model.id] = len(data), known
            while len(self._ready) > 1 and sum(size for size, _ in self._ready.values()) > REMEMBERED:
                self._ready.popitem(last=False)
            return known


async def make_way(tx: Transaction, model: TriageModel) -> None:
    """The model that was active for the same purpose is not any more."""
    for other in await tx.find(TriageModel, {"purpose": model.purpose.value, "state": ModelState.ACTIVE.value}):
        if other.id != model.id and other.state is ModelState.ACTIVE:
            other.deactivate()
            tx.save(other)


def forget(tx: Transaction, model: TriageModel) -> None:
    """Retires a model, with its pieces."""
    pieces = model.pieces
    model.retire()
    tx.save(model)
    for place in range(pieces):
        tx.write(Delete(PIECES, {"_id": f"{model.id}|{place}", "tenant": ctx.current().tenant}))


def read(purpose: Purpose, data: bytes) -> Model | Likeness:
    """What a model knows, as it was kept. Raises `UnusableModel`."""
    return Likeness.from_bytes(data) if purpose is Purpose.SIMILAR_INCIDENTS else Model.from_bytes(data)


def said(document: Document) -> str:
    """What of an incident tells how it is sorted."""
    return f"{document['title']}\n{document.get('description', '')}"


def purpose_of(name: str) -> Purpose:
    """The purpose of this name. Raises `Invalid` for none."""
    try:
        return Purpose(name)
    except ValueError:
        raise Invalid({"purpose": f"must be one of {', '.join(Purpose)}"}) from None


def label_field(purpose: Purpose) -> str:
    """The field of an incident that a model of this purpose suggests."""
    return {Purpose.CATEGORY: "category", Purpose.TEAM: "team_id", Purpose.PRIORITY: "priority"}[purpose]
