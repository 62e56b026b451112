"""Who people are while nobody says it: known for a day where they are written to, for minutes where a right hangs on it."""

from types import SimpleNamespace
from typing import Any

import pytest

from chassis import context as ctx
from chassis.errors import Unavailable
from chassis.teams import AWAY, FRESH, RIGHTS_AWAY
from chassis.testing import caller
from services.gateway.people import People


class Asked(People):
    """An auth service that can be away."""

    def __init__(self) -> None:
        self.now, self.away = 0.0, False
        super().__init__(SimpleNamespace(), monotonic=lambda: self.now)  # type: ignore[arg-type]

    async def _auth(self, method: str, request: Any, tenant: str) -> Any:
        if self.away:
            raise Unavailable("the auth service is away")
        user = {"id": request.id, "enabled": True, "display_name": "Ann", "email": "ann@example.com", "roles": ["agent"]}
        return SimpleNamespace(**user, member_ids=["ann"])


async def test_while_the_auth_service_is_away_people_are_written_to_for_a_day_and_rights_end_sooner() -> None:
    people = Asked()
    with ctx.use(caller()):
        assert await people.team("tea_1") == ("ann",)
        assert await people.roles("main", "ann") == ("agent",)
        people.away, people.now = True, RIGHTS_AWAY + FRESH
        with pytest.raises(Unavailable):
            await people.roles("main", "ann")
        people.now = AWAY - 1
        person = await people.person("ann")
        assert person is not None and person.email == "ann@example.com"
        assert await people.team("tea_1") == ("ann",)
        people.now = AWAY
        with pytest.raises(Unavailable):
            await people.person("ann")
