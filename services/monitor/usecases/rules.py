"""Alert rules: made, changed, read; and where their series stand."""

from collections.abc import Mapping
from typing import Any

from chassis import context as ctx
from chassis.domain import Ids, new_id
from chassis.errors import Invalid, NotFound, Stale
from chassis.listing import Listing
from chassis.store import Store, Transaction
from services.monitor.domain.rule import COUNTED, MOST_SERIES, NARROW, RAISED, AlertRule, Phase
from services.monitor.ports import Samples
from services.monitor.usecases.reading import THERE, Document, Paged, Paging, page_of, there

RULES = "alert_rules"
STATES = "alert_rule_states"
SHOWN = 1_000


class Rules:
    """What people may do with rules. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, listing: Listing, samples: Samples, *, most: int = MOST_SERIES, ids: Ids = new_id) -> None:
        self._store = store
        self._listing = listing
        self._samples = samples
        self._most = most
        self._ids = ids

    async def create(self, fields: Mapping[str, Any]) -> AlertRule:
        """A new rule. Raises `Invalid`, also for one that means more series than are looked at."""
        async with self._store.transaction() as tx:
            rule = AlertRule.made(id=self._ids("rul"), at=self._store.clock(), **fields)
            await self._refuse_many(rule)
            tx.add(rule)
        return rule

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> AlertRule:  # noqa: A002 - as its field
        """Changes the named fields. The next evaluation goes by them."""
        async with self._store.transaction() as tx:
            rule = await self._stored(tx, id, etag)
            match, enabled = rule.match, rule.enabled
            rule.edit(self._store.clock(), **fields)
            if rule.match != match or not enabled:
                await self._refuse_many(rule)
            tx.save(rule)
        return rule

    async def remove(self, id: str, *, etag: str = "") -> AlertRule:  # noqa: A002 - as its field
        """It is gone, and what it had raised is over at the next evaluation. Raises `NotFound` for one that was removed."""
        async with self._store.transaction() as tx:
            rule = await self._stored(tx, id, etag)
            rule.remove(self._store.clock())
            tx.save(rule)
        return rule

    async def get(self, id: str) -> Document:  # noqa: A002 - as its field
        """One rule, to become a message. Raises `NotFound`."""
        return there(await self._store.document(AlertRule, id, naive=True), "alertrule")

    async def page(self, filter_text: str, order_by: str, paging: Paging) -> Paged:
        """A page of the rules that match."""
        return await page_of(self._store, RULES, self._listing, filter_text, order_by, paging, among=THERE)

    async def states(self, id: str) -> list[Document]:  # noqa: A002 - as its field
        """Where each series of a rule stands, those that fire first. Raises `NotFound`."""
        if not await self._store.find(RULES, {"_id": id, **THERE}, limit=1):
            raise NotFound("alertrule", id)
        found = await self._store.find(STATES, {"_id": f"{ctx.current().tenant}|{id}"}, limit=1)
        states: list[Document] = found[0]["states"] if found else []
        return sorted(states, key=_urgency)[:SHOWN]

    async def _stored(self, tx: Transaction, id: str, etag: str) -> AlertRule:  # noqa: A002 - as its field
        # Not from memory: how its evaluation goes is written beside a rule without a version that would tell of it.
        found = await tx.find(AlertRule, {"_id": id, **THERE})
        if not found:
            raise NotFound("alertrule", id)
        if etag and etag != found[0].etag:
            raise Stale(found[0].etag, given=etag)
        return found[0]

    async def _refuse_many(self, rule: AlertRule) -> None:
        if not rule.enabled:
            return
        count = await self._samples.count(rule.selector, limit=COUNTED)
        if count > self._most:
            raise Invalid({"match": f"it means {count} series, and {self._most} of a rule are looked at; {NARROW}"})


def _urgency(state: Document) -> tuple[bool, bool, bool, str]:
    phase = Phase(state["phase"])
    return phase not in RAISED, not state["silent"], phase is Phase.WELL, state["series_id"]
