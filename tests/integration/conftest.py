"""What the services ask of the database in these tests is held against the shard key, command by command."""

from collections.abc import Iterator
from typing import Any

import pytest

from chassis.store.mongo import MongoBackend
from tests.support.shard_watch import ShardWatch

WATCH = ShardWatch()
_make = MongoBackend.__init__


def _watched(self: MongoBackend, *positional: Any, listeners: Any = (), **named: Any) -> None:
    _make(self, *positional, listeners=[*listeners, WATCH], **named)


def pytest_configure() -> None:
    """Every client of the services that is made from now on is listened to, those of the tests themselves are not."""
    MongoBackend.__init__ = _watched  # type: ignore[method-assign]


@pytest.fixture
def unwatched() -> Iterator[ShardWatch]:
    """For tests whose point are commands that no shard can be found for."""
    WATCH.silent = True
    yield WATCH
    WATCH.silent = False


@pytest.fixture(autouse=True)
def every_command_finds_its_shard() -> Iterator[None]:
    """Fails the test in which a command could not be sent to the shards that it is about."""
    yield
    found = WATCH.astray[:]
    WATCH.astray.clear()
    assert not found, f"{len(found)} commands could not be sent to their shards: {found[:3]}"
