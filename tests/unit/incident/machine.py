"""A desk with rules and routing, whose events arrive when they are let: as often as a test says."""

from collections.abc import Collection
from typing import Any

import orjson
import pytest

from chassis import context as ctx
from chassis.auth import Policy
from chassis.errors import Busy, Unavailable
from chassis.events.wire import Envelope
from chassis.store import CHANGES
from chassis.testing import caller
from services.auth.domain.roles import ROLES, SCOPES
from services.incident import store as kept
from services.incident.domain.automation import RuleRun
from services.incident.reactions import heard_types
from services.incident.usecases.automation import AutomationRules, Events
from services.incident.usecases.doing import Doing
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.notes import Notes
from services.incident.usecases.problems import Problems
from services.incident.usecases.rights import Rights
from services.incident.usecases.routing import Routing
from services.incident.usecases.running import WORK, Automation
from services.incident.usecases.tasks import Tasks
from tests.unit.incident.desk import Again, Desk

MANAGER = "mary"


class Machine(Desk):
    """A desk with rules, whose events arrive when they are let: as often as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.roles: dict[str, Collection[str]] = {MANAGER: ("incident-manager",), "rita": ("requester",)}
        self.away = False
        self.routing = Routing(self.store, kept.INCIDENT_FIELDS)
        incidents = Incidents(self.store, self.promises, routing=self.routing)
        self.incidents = Again(incidents)
        self.problems: Any = Again(Problems(self.store, self.promises))
        doing = Doing(
            self.store, incidents, Problems(self.store, self.promises), Tasks(self.store), Notes(self.store), self.routing
        )
        self.doing: Any = Again(doing)
        events = Events(heard_types())
        self.policy = Policy(8, ROLES, SCOPES)
        self.asked = AutomationRules(self.store, doing, events)
        self.rules: Any = Again(self.asked)
        self.ticks = 0.0
        rights = Rights(lambda: self.policy, self.ask, monotonic=lambda: self.ticks)
        self.automation = Automation(self.store, self.asked, self.routing, doing, events, rights)
        self.told: set[str] = set()

    async def ask(self, tenant: str, owner_id: str) -> Collection[str]:
        assert tenant == "main"
        if self.away:
            raise Unavailable("the auth service is away")
        return self.roles.get(owner_id, ())

    def by(self, subject: str, *roles: str) -> Any:
        permissions = self.policy.allowed(frozenset(roles or self.roles[subject]))
        return ctx.use(caller(subject=subject, permissions=permissions))

    async def hear(self, *, times: int = 1) -> None:
        """Lets every event arrive that has not yet."""
        rows = sorted(self.backend.collections[CHANGES].values(), key=lambda row: row["_id"])
        for row in rows:
            if row.get("type") in heard_types() and row["_id"] not in self.told:
                self.told.add(row["_id"])
                for _ in range(times):
                    await self.automation.heard(orjson.loads(row["data"]), envelope(row))

    async def work(self) -> None:
        """What the timer does, as the timer does it."""
        for key in sorted(self.backend.collections.get(WORK, {})):
            for _ in range(9):
                try:
                    await self.automation.work("main", key)
                except Busy:
                    continue
                break

    async def settle(self, *, times: int = 1) -> None:
        """Until nothing more comes of what happened."""
        for _ in range(40):
            before = len(self.told)
            await self.hear(times=times)
            await self.work()
            if len(self.told) == before:
                return
        pytest.fail("rules go round and round")

    async def runs(self) -> list[RuleRun]:
        rows = sorted(self.backend.collections.get("rule_runs", {}).values(), key=lambda row: row["create_time"])
        return [await self.store.get(RuleRun, row["_id"]) for row in rows]


def envelope(row: dict[str, Any]) -> Envelope:
    return Envelope(
        id=row["_id"],
        type=row["type"],
        source="/itsm/test/incident",
        subject=row["subject"],
        tenant=row["tenant"],
        key=f"{row['tenant']}/{row['key']}",
        version=row["version"],
        epoch=1,
        time=row["time"],
        actor=row["actor"]["id"],
        actor_kind=row["actor"]["kind"],
        correlation_id=row["correlation_id"],
        causation_id=row["causation_id"],
        trace="",
    )
