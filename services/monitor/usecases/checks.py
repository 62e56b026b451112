"""Checks: made, changed, switched on and off, run on demand; and which key belongs to which agent.

A record is always read as it is stored: what results make of a check is written beside its versions.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from google.api import field_behavior_pb2
from itsm.monitor import v1 as pb

from chassis import context as ctx
from chassis.codec import Descriptor, has_behavior
from chassis.domain import Ids, new_id
from chassis.errors import Invalid, NotFound, Stale
from chassis.listing import Listing
from chassis.store import Store, Transaction, Update
from services.monitor.domain.check import Check
from services.monitor.domain.check_signals import signals
from services.monitor.ports import Prober
from services.monitor.usecases.check_results import CHECKS, Results
from services.monitor.usecases.intake import Intake
from services.monitor.usecases.reading import COUNTED, THERE, Document, Paged, Paging, page_of, there

AGENTS = "check_agents"
"""By agent: its key and its asset, as the asset service last told."""

_DESCRIPTOR: Descriptor = pb.Check.DESCRIPTOR
_FIXED = frozenset(field.name for field in _DESCRIPTOR.fields if has_behavior(field, field_behavior_pb2.IMMUTABLE))


class Checks:
    """What people may do with checks. `etag` is the version that the caller decided on, or empty."""

    def __init__(
        self, store: Store, intake: Intake, results: Results, prober: Prober, listing: Listing, *, ids: Ids = new_id
    ) -> None:
        self._store = store
        self._intake = intake
        self._results = results
        self._prober = prober
        self._listing = listing
        self._ids = ids

    async def create(self, fields: Mapping[str, Any]) -> Check:
        """A new check. One of an agent is about that agent's asset where none is named. Raises `Invalid`."""
        check = Check.made(id=self._ids("chk"), at=self._store.clock(), **fields)
        self._prober.refuse(check)
        if check.agent_id:
            agent = await self._agent(check.agent_id)
            check.agent_subject = agent.get("subject", "")
            check.asset_id = check.asset_id or agent.get("asset_id", "")
        async with self._store.transaction() as tx:
            tx.add(check)
        return check

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Check:  # noqa: A002 - as its field
        """Changes the named fields. Raises `Invalid` for one that is fixed once it is made."""
        async with self._store.transaction() as tx:
            check = await self._stored(tx, id, etag)
            fixed = [name for name in _FIXED & fields.keys() if getattr(check, name) != fields[name]]
            if fixed:
                raise Invalid(dict.fromkeys(sorted(fixed), "cannot be changed"))
            check.edit(self._store.clock(), **fields)
            self._prober.refuse(check)
            tx.save(check)
        return check

    async def enable(self, id: str, *, etag: str = "") -> Check:  # noqa: A002 - as its field
        """It is run from now on."""
        async with self._store.transaction() as tx:
            check = await self._stored(tx, id, etag)
            check.enable(self._store.clock())
            tx.save(check)
        return check

    async def disable(self, id: str, *, etag: str = "") -> Check:  # noqa: A002 - as its field
        """It is run no more; what it had raised is resolved."""
        async with self._store.transaction() as tx:
            check = await self._stored(tx, id, etag)
            turn = check.disable(self._store.clock())
            tx.save(check)
            if turn is not None:
                await self._intake.take(signals(check, turn))
        return check

    async def remove(self, id: str, *, etag: str = "") -> Check:  # noqa: A002 - as its field
        """It is gone: nobody runs it any more, what it had raised is resolved. Raises `NotFound` for one that was removed."""
        async with self._store.transaction() as tx:
            check = await self._stored(tx, id, etag)
            turn = check.remove(self._store.clock())
            tx.save(check)
            if turn is not None:
                await self._intake.take(signals(check, turn))
        return check

    async def run(self, id: str) -> Document:  # noqa: A002 - as its field
        """Looks now. Raises `ForbiddenMove` for a check of an agent or one that is disabled, `Invalid` in a dry run."""
        ctx.refuse_dry_run()  # no transaction takes back what a target was sent
        await self.get(id)
        check = await self._store.get(Check, id)
        check.ready_to_run()
        await self._results.hear(check.id, await self._prober.look(check, self._store.clock()))
        return await self.get(id)

    async def get(self, id: str) -> Document:  # noqa: A002 - as its field
        """One check, to become a message. Raises `NotFound`."""
        return there(await self._store.document(Check, id, naive=True), "check")

    async def page(self, filter_text: str, order_by: str, paging: Paging) -> Paged:
        """A page of the checks that match."""
        return await page_of(self._store, CHECKS, self._listing, filter_text, order_by, paging, among=THERE)

    async def count(self, filter_text: str) -> tuple[int, bool]:
        """How many match, and whether there are more than were counted."""
        page = self._listing.page(ctx.current().tenant, filter_text)
        number = await self._store.count(CHECKS, {"$and": [page.query, THERE]}, limit=COUNTED + 1)
        return min(number, COUNTED), number > COUNTED

    async def enrolled(self, agent_id: str, subject: str, asset_id: str, at: datetime) -> None:
        """An agent has a key, or none any more: its checks are reached with that one from now on. Late news is passed over.

        Checks that were about no asset or the agent's former one are about its present one.
        """
        tenant = ctx.current().tenant
        key = {"_id": f"{tenant}|{agent_id}", "tenant": tenant}
        known = await self._store.backend.find_one(AGENTS, key)
        if known is not None and known["time"] > at:
            return
        told = {"subject": subject, "asset_id": asset_id, "time": at}
        before = known["asset_id"] if known is not None else ""
        async with self._store.transaction() as tx:
            tx.write(Update(AGENTS, key, {"$set": told}, strict=False, upsert=True))
            for check in await tx.find(Check, {"agent_id": agent_id, **THERE}):
                if asset_id and check.asset_id in ("", before):
                    check.edit(self._store.clock(), asset_id=asset_id)
                    tx.save(check)
                of_it = {"_id": check.id, "tenant": tenant}
                tx.write(Update(CHECKS, of_it, {"$set": {"agent_subject": subject}}, strict=False))

    async def merged(self, before: str, after: str) -> None:
        """Two assets turned out to be one: checks of the one that ended are about the one that stayed."""
        async with self._store.transaction() as tx:
            for check in await tx.find(Check, {"asset_id": before, **THERE}):
                check.edit(self._store.clock(), asset_id=after)
                tx.save(check)

    async def _agent(self, agent_id: str) -> Document:
        tenant = ctx.current().tenant
        return await self._store.backend.find_one(AGENTS, {"_id": f"{tenant}|{agent_id}", "tenant": tenant}) or {}

    async def _stored(self, tx: Transaction, id: str, etag: str) -> Check:  # noqa: A002 - as its field
        found = await tx.find(Check, {"_id": id, **THERE})
        if not found:
            raise NotFound("check", id)
        if etag and etag != found[0].etag:
            raise Stale(found[0].etag, given=etag)
        return found[0]
