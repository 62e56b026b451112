"""Everybody here acts as somebody."""

from collections.abc import Iterator

import pytest

from chassis import context as ctx
from chassis.testing import caller
from tests.unit.asset.estate import Estate


@pytest.fixture(autouse=True)
def acting() -> Iterator[None]:
    """A person of the tenant `main`."""
    with ctx.use(caller(permissions=frozenset({"assets.create"}))):
        yield


@pytest.fixture
def estate() -> Estate:
    """An empty one."""
    return Estate()
