"""Who is called, without a process: teams are what a test says they are."""

from collections.abc import Sequence

from chassis.store import Store
from services.monitor import kept_oncall
from services.monitor.usecases.alerts import Alerts
from services.monitor.usecases.escalation import Policies
from services.monitor.usecases.paging import Calling
from services.monitor.usecases.schedules import Schedules
from tests.unit.monitor.alerting import KEY


class Known:
    """Who belongs to teams."""

    def __init__(self) -> None:
        self.teams: dict[str, Sequence[str]] = {"crew": ["cat", "dan"]}

    async def of_team(self, id: str) -> Sequence[str]:  # noqa: A002 - as its field
        return self.teams.get(id, [])


def calling(store: Store) -> tuple[Schedules, Policies, Calling]:
    """What decides who is called, over a store."""
    schedules_list, policies_list, pages = kept_oncall.listings(KEY, store.clock)
    schedules, policies = Schedules(store, schedules_list), Policies(store, policies_list)
    return schedules, policies, Calling(store, pages, schedules, policies, Alerts(store), Known())
