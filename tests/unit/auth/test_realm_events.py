"""What happens in the realm is told here: once, whatever dies in between, and without anybody's name."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from keycloak.exceptions import KeycloakGetError

from chassis.errors import Unavailable
from chassis.store import Store
from chassis.testing import FakeClock, MemoryBackend
from services.auth.domain.realm_event import RealmEvent
from services.auth.keycloak import KeycloakLog
from services.auth.store import KINDS
from services.auth.usecases.realm_events import OVERLAP, POSITIONS, REALM_EVENTS, RealmEvents
from tests.unit.auth.test_credential import NOON


def sign_in(number: int, at: datetime, **fields: Any) -> dict[str, Any]:
    """As Keycloak tells of one."""
    about = {"id": f"e-{number}", "type": "LOGIN", "userId": "u-1", "clientId": "itsm-console", "ipAddress": "192.0.2.7"}
    details = {"username": "ann", "redirect_uri": "https://itsm.example"}
    return {"time": round(at.timestamp() * 1000), **about, "details": details, **fields}


class Keycloak:
    """The two lists of a realm as its server gives them: the newest first, by page, from an instant on."""

    def __init__(self) -> None:
        self.user: list[dict[str, Any]] = []
        self.admin: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.meanwhile: list[dict[str, Any]] = []
        self.away = False

    async def a_get_events(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        return self._page(self.user, query)

    async def a_get_admin_events(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        return self._page(self.admin, query)

    def _page(self, kept: list[dict[str, Any]], query: dict[str, Any]) -> list[dict[str, Any]]:
        self.asked.append(query)
        if self.away:
            raise KeycloakGetError("Bad gateway", response_code=502)
        found = sorted((each for each in kept if each["time"] >= int(query["dateFrom"])), key=lambda each: -each["time"])
        page = found[query["first"] : query["first"] + query["max"]]
        if kept is self.user:
            kept += self.meanwhile
            self.meanwhile = []
        return page


class Dying(MemoryBackend):
    """A database whose caller dies at one of its writes."""

    def __init__(self) -> None:
        super().__init__()
        self.dies_at = ""

    async def write(self, writes: Sequence[Any]) -> None:
        if self.dies_at and any(getattr(each, "collection", "") == self.dies_at for each in writes):
            raise ConnectionError(self.dies_at)
        await super().write(writes)


class House:
    def __init__(self) -> None:
        self.keycloak, self.backend, self.clock = Keycloak(), Dying(), FakeClock(NOON)

    def process(self) -> RealmEvents:
        """A process that has just begun: what it knows is in the database."""
        return RealmEvents(KeycloakLog(self.keycloak), Store(self.backend, self.clock, KINDS), self.clock)

    def happens(self, numbers: Iterable[int], *, at: datetime) -> None:
        self.keycloak.user += [sign_in(number, at + timedelta(milliseconds=number)) for number in numbers]

    def told(self) -> list[dict[str, Any]]:
        return [row for row in self.backend.collections.get("changes", {}).values() if row.get("kind") == "realmEvents"]


@pytest.fixture
async def house() -> House:
    """Turned on at noon."""
    built = House()
    assert await built.process().pull() == 0
    return built


async def test_what_overlaps_is_told_once_across_pages_and_processes(house: House) -> None:
    house.happens(range(450), at=NOON + timedelta(seconds=1))
    assert await house.process().pull() == 450
    for _ in range(2):
        assert await house.process().pull() == 0
    assert len(house.told()) == 450
    assert len({row["subject"] for row in house.told()}) == 450


async def test_what_appears_later_than_its_time_is_told_too(house: House) -> None:
    house.happens([1], at=NOON + timedelta(minutes=10))
    await house.process().pull()
    house.happens([2], at=NOON + timedelta(minutes=10) - OVERLAP + timedelta(seconds=1))
    assert await house.process().pull() == 1
    assert len(house.told()) == 2


async def test_what_happens_while_pages_are_read_is_missed_by_nobody(house: House) -> None:
    house.happens(range(250), at=NOON + timedelta(seconds=1))
    house.keycloak.meanwhile = [sign_in(number, NOON + timedelta(seconds=5)) for number in range(1000, 1030)]
    await house.process().pull()
    await house.process().pull()
    assert len(house.told()) == 280


@pytest.mark.parametrize("place", [REALM_EVENTS, POSITIONS])
async def test_a_death_between_a_page_and_the_position_loses_and_doubles_nothing(house: House, place: str) -> None:
    house.happens(range(300), at=NOON + timedelta(seconds=1))
    house.backend.dies_at = place
    with pytest.raises(ConnectionError):
        await house.process().pull()
    house.clock.advance(hours=3)
    house.happens(range(300, 310), at=NOON + timedelta(hours=2))
    house.backend.dies_at = ""
    await house.process().pull()
    assert len(house.told()) == 310
    assert len({row["subject"] for row in house.told()}) == 310


async def test_a_replica_that_was_paused_does_not_take_the_position_back(house: House) -> None:
    house.happens([1], at=NOON + timedelta(hours=1))
    await house.process().pull()
    await house.process()._move("user", NOON)
    house.keycloak.asked.clear()
    await house.process().pull()
    since = min(int(query["dateFrom"]) for query in house.keycloak.asked[:1])
    assert since >= (NOON + timedelta(hours=1) - OVERLAP).timestamp() * 1000


async def test_a_realm_that_is_away_moves_nothing(house: House) -> None:
    house.happens([1], at=NOON + timedelta(seconds=1))
    house.keycloak.away = True
    with pytest.raises(Unavailable):
        await house.process().pull()
    house.keycloak.away = False
    assert await house.process().pull() == 1


async def test_names_and_addresses_stay_in_the_realm(house: House) -> None:
    house.happens([1], at=NOON + timedelta(seconds=1))
    house.keycloak.user.append(sign_in(2, NOON + timedelta(seconds=2), type="LOGIN_ERROR", error="user_not_found", userId=None))
    house.keycloak.admin.append(
        {
            "id": "a-1", "time": round((NOON + timedelta(seconds=3)).timestamp() * 1000), "operationType": "UPDATE",
            "authDetails": {"userId": "u-9", "clientId": "c-1", "ipAddress": "192.0.2.7"}, "resourceType": "USER",
            "resourcePath": "users/u-1", "representation": '{"username": "ann", "email": "ann@demo.example"}',
        }
    )  # fmt: skip
    assert await house.process().pull() == 3
    rows = house.told()
    assert not [row for row in rows if "192.0.2.7" in str(row) or "ann" in str(row)]
    told = [orjson.loads(row["data"])["realmEvent"] for row in rows]
    assert [(each["kind"], each["action"], each["error"]) for each in told] == [
        ("user", "LOGIN", ""),
        ("user", "LOGIN_ERROR", "user_not_found"),
        ("admin", "UPDATE", ""),
    ]
    assert [(row["actor"], row["tenant"]) for row in rows] == [
        ({"id": "u-1", "kind": "user"}, "main"),
        ({"id": "realm", "kind": "system"}, "main"),
        ({"id": "u-9", "kind": "user"}, "main"),
    ]


def test_an_event_without_an_id_is_known_by_what_it_says() -> None:
    plain = {"time": 1, "type": "LOGOUT", "userId": "u-1"}
    first, again = RealmEvent.of("user", plain), RealmEvent.of("user", dict(reversed(plain.items())))
    assert first.id == again.id != RealmEvent.of("user", {**plain, "time": 2}).id
    assert first.id != RealmEvent.of("admin", plain).id


async def test_the_port_reads_one_page_after_the_other() -> None:
    keycloak = Keycloak()
    keycloak.user = [sign_in(number, NOON + timedelta(seconds=number)) for number in range(400)]
    pages: AsyncIterator[Sequence[RealmEvent]] = KeycloakLog(keycloak).pages("user", NOON)
    assert [len(page) async for page in pages] == [200, 200, 0]
    assert [query["first"] for query in keycloak.asked] == [0, 200, 400]
