"""People at the console, one browser for all, each signed in once through the pages of Keycloak."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from playwright.async_api import Browser, StorageState

from tests.support.console import PATIENCE_MS, Person, chromium, sign_in

Enter = Callable[[str], Awaitable[Person]]


@pytest.fixture(scope="session")
async def browser(stack: dict[str, Any]) -> AsyncIterator[Browser]:
    """Chromium, without a window."""
    async with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def sessions() -> dict[str, StorageState]:
    """The cookies of those who have signed in, by role."""
    return {}


@pytest.fixture
async def enter(stack: dict[str, Any], browser: Browser, sessions: dict[str, StorageState]) -> AsyncIterator[Enter]:
    """Lets somebody with a role in, with a browser profile of his own; nobody leaves a defect behind."""
    people: list[Person] = []

    async with AsyncExitStack() as exits:

        async def enter_as(role: str) -> Person:
            url = stack["gateway"]
            context = await browser.new_context(
                viewport={"width": 1440, "height": 900},
                reduced_motion="reduce",  # what moves is not what is tested
                storage_state=sessions.get(role),
            )
            exits.push_async_callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            person = Person(url, context, await context.new_page())
            if role not in sessions:
                await sign_in(person.page, url, "/incidents", role, stack["users"][role]["password"])
                sessions[role] = await context.storage_state()
            person.watch()
            people.append(person)
            return person

        yield enter_as
    for person in people:
        assert not person.defects, person.defects
