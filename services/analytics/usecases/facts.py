"""Taking facts: each into the log, and what it changes into the projection, without reading anything first."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from chassis.store import Insert, Store, Transaction, Update
from services.analytics.domain.facts import FACTS, Fact, midnight, record_id
from services.analytics.projections.incidents import INCIDENTS, effect

_OPEN_BATCHES = 8  # transactions at once in one process: a consumer has one, tests a few


@dataclass(slots=True)
class _Batch:
    """What one transaction changes so far: a document's changes are one write, however many facts tell of it."""

    transaction: Transaction
    changes: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)


class FactLog:
    """Everything that this service knows comes in here."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._batches: OrderedDict[int, _Batch] = OrderedDict()

    async def record(self, fact: Fact) -> None:
        """Takes one fact, in the ambient transaction where there is one. Facts of a record must come in order and once.

        A fact that is told on a later day than it happened on is marked: snapshots of the days between do not know of it. So
        is the first of an incident that is told of on a later day than it began on.
        """
        tells_since = fact["create_time"] if fact["version"] == 1 else fact["time"]
        if min(fact["time"], tells_since) <= midnight(self._store.clock()):
            fact["late"] = True
        async with self._store.transaction() as tx:
            batch = self._batch(tx)
            key = fact["tenant"], record_id(fact)
            tx.write(Insert(FACTS, fact))
            changes = batch.changes.get(key)
            if changes is None:
                changes = batch.changes[key] = {}
                # The transaction writes at its end, with all that later facts of this batch will have added.
                query = {"_id": key[1], "tenant": key[0]}
                tx.write(Update(INCIDENTS, query, {"$set": changes}, strict=False, upsert=True))
            changes.update(effect(fact))

    def _batch(self, tx: Transaction) -> _Batch:
        batch = self._batches.get(id(tx))
        if batch is None or batch.transaction is not tx:
            batch = self._batches[id(tx)] = _Batch(tx)
            while len(self._batches) > _OPEN_BATCHES:
                self._batches.popitem(last=False)
        return batch
