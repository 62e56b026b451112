"""What all tests share: the folder is the marker, a skipped test fails in CI, one real stack a run."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support.platform import Breakable, Platform, started

# A busy machine is slow now and then: how long an example took says nothing about what it tests.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")

ROOT = Path(__file__).parent
MARKED = ("unit", "contract", "integration", "e2e")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folder says what kind of test it is."""
    for item in items:
        kind = item.path.relative_to(ROOT).parts[0]
        if kind in MARKED:
            item.add_marker(kind)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """In CI nothing is skipped: what cannot run there must be said to fail."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
async def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """Starts as much as the chosen tests need, once, or reads of what runs already in the file `ITSM_TEST_STACK`."""
    running_already = os.environ.get("ITSM_TEST_STACK")
    if running_already:
        yield Platform(json.loads(Path(running_already).read_text()))
        return
    wants_services = any("stack" in getattr(item, "fixturenames", ()) for item in request.session.items)
    wants_agent = any("machine" in getattr(item, "fixturenames", ()) for item in request.session.items)
    folder = tmp_path_factory.mktemp("stack")
    async with started(folder, only_backing=not wants_services, agent=wants_agent) as platform:
        yield platform


@pytest.fixture(scope="session")
async def stack(platform: Platform) -> dict[str, Any]:
    """The whole platform on real parts, as `python -m stack up --json` describes it."""
    return platform.description


@pytest.fixture
async def breakable(stack: dict[str, Any], platform: Platform) -> AsyncIterator[Breakable]:
    """The same platform for tests that kill and restart parts of it, which is only done to a stack of our own.

    Whatever the test has done, the next one finds everything running and answering.
    """
    if platform.breakable is None:
        pytest.skip("kills processes: leave ITSM_TEST_STACK unset, so that the tests start a stack of their own")
    yield platform.breakable
    await platform.breakable.heal()


@pytest.fixture(scope="session")
async def backing(platform: Platform) -> dict[str, Any]:
    """Addresses and passwords of the real mongod, Kafka and Keycloak."""
    described: dict[str, Any] = platform.description["backing"]
    return described
