"""What all tests share: the folder is the marker, a skipped test fails in CI, one real stack a run."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stack.options import Options
from stack.supervisor import running

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
async def _description(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, Any]]:
    """Starts as much as the chosen tests need, once, or reads of what runs already in the file `ITSM_TEST_STACK`."""
    running_already = os.environ.get("ITSM_TEST_STACK")
    if running_already:
        yield json.loads(Path(running_already).read_text())
        return
    wants_services = any("stack" in getattr(item, "fixturenames", ()) for item in request.session.items)
    options = Options(state=tmp_path_factory.mktemp("stack"), light=True, only_backing=not wants_services)
    async with running(options) as started:
        yield started.describe()


@pytest.fixture(scope="session")
async def stack(_description: dict[str, Any]) -> dict[str, Any]:
    """The whole platform on real parts, as `python -m stack up --json` describes it."""
    return _description


@pytest.fixture(scope="session")
async def backing(_description: dict[str, Any]) -> dict[str, Any]:
    """Addresses and passwords of the real mongod, Kafka and Keycloak."""
    described: dict[str, Any] = _description["backing"]
    return described
