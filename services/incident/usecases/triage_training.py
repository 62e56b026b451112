"""Learning a model from what people did with the newest incidents, in a process of its own.

The process may be ended at any instant, and ours as well: until what it learned is kept whole and said so in one transaction,
nothing has changed, and it is begun again. One that ends us each time is given up after three attempts.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from datetime import timedelta

from chassis import context as ctx
from chassis.errors import NotFound
from chassis.store import Store, Update
from chassis.store.backend import Document
from services.incident.domain.states import State
from services.incident.domain.triage_model import ModelState, Purpose, TriageModel
from services.incident.triage.__main__ import TOO_FEW
from services.incident.triage.likeness import Likeness
from services.incident.triage.model import Model, UnusableModel
from services.incident.usecases.triage import MODELS, PIECES, TRAINING_CLAIM, forget, label_field, make_way, read, said

PIECE = 1 << 20
LONGEST = timedelta(minutes=20)
MOST_ATTEMPTS = 3
READY_KEPT = 3
"""So many models of a purpose stay ready beside the active one; older ones are forgotten."""
_ENDED = [State.RESOLVED.value, State.CLOSED.value]
_LAST_WORDS = 500


class CannotLearn(Exception):
    """Nothing came of it; says why."""


class TriageTraining:
    """`most` is how many incidents one model learns from, `memory` how many bytes the process beside us may take."""

    def __init__(self, store: Store, *, most: int, memory: int) -> None:
        self._store, self._most, self._memory = store, most, memory
        self._one_at_a_time = asyncio.Semaphore(1)

    async def train(self, tenant: str, id: str) -> None:  # noqa: A002 - as its field
        """Learns a model that waits for it. Called again where it did not come to its end."""
        async with self._one_at_a_time:
            with contextlib.suppress(NotFound):
                model = await self._store.get(TriageModel, id)
                if model.state is ModelState.TRAINING:
                    await self._train(tenant, model)

    async def _train(self, tenant: str, model: TriageModel) -> None:
        counted = await self._store.backend.find_one_and_update(
            MODELS, {"_id": model.id, "tenant": tenant}, {"$inc": {"attempts": 1}}
        )
        if counted is not None and counted["attempts"] > MOST_ATTEMPTS:
            await self._failed(model.id, f"it did not come to its end in {MOST_ATTEMPTS} attempts")
            return
        tickets = await self._tickets(model.purpose)
        try:
            data = await self._learned(model.purpose, tickets)
            known = await asyncio.to_thread(read, model.purpose, data)
        except (CannotLearn, UnusableModel) as why:
            await self._failed(model.id, str(why))
            return
        await self._keep(model.id, data)
        await self._succeeded(model.id, known, len(tickets), -(-len(data) // PIECE))

    async def _tickets(self, purpose: Purpose) -> Sequence[Document]:
        """The newest incidents that have ended: id, what was said, and what people made of it."""
        query: Document = {"tenant": ctx.current().tenant, "state": {"$in": _ENDED}}
        label = "" if purpose is Purpose.SIMILAR_INCIDENTS else label_field(purpose)
        if label:
            query[label] = {"$gt": ""}
        fields = dict.fromkeys(("title", "description", *((label,) if label else ())), 1)
        rows = await self._store.backend.find(
            "incidents", query, sort=[("create_time", -1)], limit=self._most, projection=fields
        )
        return [{"id": row["_id"], "text": said(row), "label": row[label] if label else ""} for row in rows]

    async def _learned(self, purpose: Purpose, tickets: Sequence[Document]) -> bytes:
        """What a process beside us makes of them. Raises `CannotLearn`."""
        way = "likeness" if purpose is Purpose.SIMILAR_INCIDENTS else "sort"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.incident.triage", way, str(self._memory)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        told = b"".join(json.dumps(ticket).encode() + b"\n" for ticket in tickets)
        try:
            async with asyncio.timeout(LONGEST.total_seconds()):
                learned, words = await process.communicate(told)
        except TimeoutError:
            raise CannotLearn(f"it took longer than {LONGEST}") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        why = words.decode(errors="replace").strip().rpartition("\n")[2][-_LAST_WORDS:]
        if process.returncode == TOO_FEW:
            raise CannotLearn(why)
        if process.returncode:
            raise CannotLearn(f"the process that learns ended with {process.returncode}: {why or 'it said nothing'}")
        return learned

    async def _keep(self, id: str, data: bytes) -> None:  # noqa: A002 - as above
        """Pieces that nobody reads until the model says how many there are; those of an attempt before are replaced."""
        tenant = ctx.current().tenant
        for place in range(-(-len(data) // PIECE)):
            piece = {"$set": {"content": data[place * PIECE : (place + 1) * PIECE]}}
            key = {"_id": f"{id}|{place}", "tenant": tenant}
            await self._store.backend.write([Update(PIECES, key, piece, strict=False, upsert=True)])

    async def _succeeded(self, id: str, known: Model | Likeness, count: int, pieces: int) -> None:  # noqa: A002 - as above
        labels = known.labels if isinstance(known, Model) else ()
        accuracy = float(known.facts["rightByOthers"]) if isinstance(known, Model) else 0.0
        async with self._store.transaction() as tx:
            model = await tx.get(TriageModel, id)
            model.learned(self._store.clock(), incident_count=count, labels=labels, accuracy=accuracy, pieces=pieces)
            if model.state is ModelState.ACTIVE:
                await make_way(tx, model)
            tx.save(model)
            tx.release(TRAINING_CLAIM, model.purpose)
            # As stored: one that made way just now is still active there.
            ready = {"purpose": model.purpose.value, "state": {"$in": [ModelState.READY.value, ModelState.ACTIVE.value]}}
            others = [each for each in await tx.find(TriageModel, ready) if each.id != id and each.state is ModelState.READY]
            for old in sorted(others, key=lambda each: each.create_time, reverse=True)[READY_KEPT:]:
                forget(tx, old)

    async def _failed(self, id: str, why: str) -> None:  # noqa: A002 - as above
        async with self._store.transaction() as tx:
            model = await tx.get(TriageModel, id)
            model.fail(why)
            tx.save(model)
            tx.release(TRAINING_CLAIM, model.purpose)
