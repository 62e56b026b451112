"""Agents enroll, report and are revoked.

Enrolling makes a key at the auth service, which no transaction here can take part in. The asset and the agent's id are
therefore kept first and found again by whoever repeats it; the key is made next, and the agent last, with that key.
"""

import hashlib
import logging
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from itsm.asset import v1 as pb

from chassis import context as ctx
from chassis import protojson
from chassis.domain import Ids, new_id
from chassis.errors import Denied, Error, ForbiddenMove, Invalid, NotFound
from chassis.store import Store, Transaction, Update
from services.asset.domain import inventory as inventories
from services.asset.domain.agent import About, Agent, AgentState
from services.asset.domain.asset import SEEN_AGAIN, Asset
from services.asset.domain.classes import Catalog
from services.asset.domain.inventory import SECTIONS, Section
from services.asset.domain.lifecycle import State
from services.asset.domain.report import Report
from services.asset.ports import Key, Keys
from services.asset.usecases.classes import Classes
from services.asset.usecases.placing import Placing
from services.asset.usecases.reading import INVENTORIES

AGENTS = "agents"
CLAIM = "agent-installation"
_AHEAD = timedelta(minutes=5)
"""A clock on a machine may go this much fast; what it says then counts as said now."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What an agent needs to report from now on."""

    agent_id: str
    asset_id: str
    key: str


class Agents:
    """What agents do, and what people do with them."""

    def __init__(self, store: Store, classes: Classes, placing: Placing, keys: Keys, *, ids: Ids = new_id) -> None:
        self._store = store
        self._classes = classes
        self._placing = placing
        self._keys = keys
        self._ids = ids

    async def enroll(self, install_id: str, about: About, told: pb.Inventory) -> Enrolled:
        """Takes an agent in. Raises `Invalid`, `ForbiddenMove` for an installation that was revoked, `Unavailable`."""
        about.check(install_id)
        at = self._time(told)
        # A request key would keep the answer, and in it the secret; saying the installation again repeats it as well.
        with ctx.use(replace(ctx.current(), request_id="")):
            agent_id, asset_id = await self._found(install_id, told, at)
            about = replace(about, name=about.name or told.system.hostname or agent_id)
            key = await self._keys.issue(f"Agent {about.name}"[:200])
            try:
                former = await self._take_in(agent_id, asset_id, about, key)
            except Error:
                await self._end(key.id)
                raise
            if former:
                await self._end(former)
        return Enrolled(agent_id, asset_id, key.secret)

    async def report(self, id: str, version: str, told: pb.Inventory) -> tuple[str, bool]:  # noqa: A002 - as its field
        """Takes what an agent sees: the asset that it is about, and whether the next report should hold everything.

        Raises `NotFound` for an agent that is not the caller's own, `Denied` for one that was revoked.
        """
        agent, at = await self._own(id), self._time(told)
        said, catalog = inventories.report(told, agent.id, at), await self._classes.catalog()
        async with self._store.transaction() as tx:
            asset_id = await self._tell(tx, agent, said, catalog)
            unknown = await self._keep(tx, asset_id, told, at) if asset_id else set(SECTIONS)
            await self._seen(tx, agent, asset_id, version, at)
        return asset_id, bool(unknown)

    async def revoke(self, id: str, reason: str) -> Agent:  # noqa: A002 - as above
        """Takes an agent its key. What was exchanged for the key ends within a minute."""
        async with self._store.transaction() as tx:
            self._store.recent.pop((ctx.current().tenant, Agent, id), None)
            agent = await tx.get(Agent, id)
            agent.revoke(reason, at=self._store.clock())
            if agent.asset_id:
                await self._leave(tx, agent.asset_id, agent.id)
            tx.save(agent)
        await self._end(agent.token_id)
        return agent

    async def _found(self, install_id: str, told: pb.Inventory, at: datetime) -> tuple[str, str]:
        """The agent's id and its asset, kept before it has a key."""
        key = hashlib.sha256(install_id.encode()).hexdigest()
        catalog = await self._classes.catalog()
        async with self._store.transaction() as tx:
            agent_id = await tx.holder(CLAIM, key)
            if agent_id is None:
                agent_id = self._ids("agt")
                tx.claim(CLAIM, key, agent_id)
            else:
                await self._check_active(agent_id)
            said = inventories.report(told, agent_id, at)
            said = replace(said, values={"class": "computer", "name": agent_id} | dict(said.values))
            _, asset = await self._placing.place(said, catalog)
            if asset is not None:
                await self._keep(tx, asset.id, told, at)
        return agent_id, asset.id if asset is not None else ""

    async def _check_active(self, agent_id: str) -> None:
        found = await self._store.backend.find_one(AGENTS, {"_id": agent_id, "tenant": ctx.current().tenant})
        if found is not None and found["state"] == AgentState.REVOKED.value:
            raise ForbiddenMove("REVOKED", "enroll", "this installation was revoked; install the agent anew")

    async def _take_in(self, agent_id: str, asset_id: str, about: About, key: Key) -> str:
        """Keeps the agent with its key; the one that it had before, or nothing."""
        now, former = self._store.clock(), ""
        async with self._store.transaction() as tx:
            try:
                agent = await tx.get(Agent, agent_id)
            except NotFound:
                tx.add(Agent.enrolled(about, id=agent_id, asset_id=asset_id, token_id=key.id, at=now))
            else:
                if asset_id != agent.asset_id and agent.asset_id:
                    await self._leave(tx, agent.asset_id, agent.id)
                former = agent.enroll_again(about, asset_id=asset_id, token_id=key.id, at=now)
                tx.save(agent)
        return former

    async def _own(self, id: str) -> Agent:  # noqa: A002 - as above
        agent = await self._store.get(Agent, id)
        if agent.token_id != ctx.current().actor.id:
            raise NotFound("agent", id)
        if agent.state is AgentState.REVOKED:
            raise Denied("agents.report", "this agent was revoked")
        return agent

    async def _tell(self, tx: Transaction, agent: Agent, said: Report, catalog: Catalog) -> str:
        """Tells the asset that the agent is on; where that contradicts the report, the one that the report is about."""
        own = await self._asset(agent) if agent.asset_id else None
        if own is not None and not own.contradicts(said):
            return (await self._placing.tell(tx, own.id, said, catalog)).id
        whole = replace(said, values={"class": "computer", "name": agent.name} | dict(said.values))
        _, asset = await self._placing.place(whole, catalog)
        if asset is not None and agent.asset_id and agent.asset_id != asset.id:
            await self._leave(tx, agent.asset_id, agent.id)
        return asset.id if asset is not None else ""

    async def _asset(self, agent: Agent) -> Asset:
        """The asset that it is on, or the one that this turned out to be while the agent was read or enrolled: what is told
        to a merged asset nobody would find again."""
        asset = await self._store.get(Asset, agent.asset_id)
        while asset.state is State.MERGED:
            asset = await self._store.get(Asset, asset.merged_into_id)
        return asset

    async def _leave(self, tx: Transaction, asset_id: str, agent_id: str) -> None:
        self._store.recent.pop((ctx.current().tenant, Asset, asset_id), None)
        asset = await tx.get(Asset, asset_id)
        held = tuple(asset.keys)
        asset.leave(f"agent:{agent_id}", at=self._store.clock())
        await self._placing.hold(tx, asset, held)
        tx.save(asset)

    async def _keep(self, tx: Transaction, asset_id: str, told: pb.Inventory, at: datetime) -> set[str]:
        """Keeps the sections of a report beside the asset; says which are not known whole by now."""
        said = inventories.sections(told, protojson.to_dict(told), at)
        query = {"_id": asset_id, "tenant": ctx.current().tenant}
        kept = await self._store.backend.find_one(INVENTORIES, query)
        known = {name: Section(**section) for name, section in (kept["sections"] if kept else {}).items()}
        after = known | {name: inventories.merged(known.get(name), section, name) for name, section in said.items()}
        news = {f"sections.{name}": asdict(each) for name, each in after.items() if _is_news(known.get(name), each)}
        if news:
            tx.write(Update(INVENTORIES, query, {"$set": news}, strict=False, upsert=True))
        return {name for name in SECTIONS if name not in after or not after[name].whole}

    async def _seen(self, tx: Transaction, agent: Agent, asset_id: str, version: str, at: datetime) -> None:
        if asset_id not in ("", agent.asset_id) or version not in ("", agent.agent_version):
            self._store.recent.pop((ctx.current().tenant, Agent, agent.id), None)
            current = await tx.get(Agent, agent.id)
            current.last_report_time = at
            current.is_on(asset_id or current.asset_id, version=version[:100], at=self._store.clock())
            tx.save(current)
        elif agent.last_report_time is None or at - agent.last_report_time >= SEEN_AGAIN:
            query = {"_id": agent.id, "tenant": ctx.current().tenant}
            tx.write(Update(AGENTS, query, {"$set": {"last_report_time": at}}, strict=False))

    async def _end(self, token_id: str) -> None:
        """Ends a key that nobody should have. That it could not be ended now is for the log: the agent is told apart by
        the key that it has."""
        try:
            await self._keys.revoke(token_id)
        except Error as error:
            _log.warning("Key of an agent not revoked.", extra={"key": token_id, "reason": error.reason})

    def _time(self, told: pb.Inventory) -> datetime:
        now = self._store.clock()
        if not told.HasField("report_time"):
            return now
        said = _instant(told)
        return said if said <= now + _AHEAD else now


def _instant(told: pb.Inventory) -> datetime:
    try:
        instant = told.report_time.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Invalid({"inventory.reportTime": "is no instant of the calendar"}) from None
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)  # no finer than the store keeps it


def _is_news(known: Section | None, after: Section) -> bool:
    if known is None or (known.content, known.whole) != (after.content, after.whole):
        return True
    return after.report_time - known.report_time >= SEEN_AGAIN
