"""What the services ask of the database in these tests is held against the shard key, command by command."""

import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chassis.store.mongo import MongoBackend
from tests.support.shard_watch import ShardWatch

WATCH = ShardWatch()
_TESTS = str(Path(__file__).parents[1])
_ASKING = ("find_one", "find", "count", "write", "update_many", "find_one_and_update", "aggregate")


def pytest_configure() -> None:
    """Every client of the services that is made from now on is listened to; what a test itself asks of it is not counted."""
    make = MongoBackend.__init__

    def watched(self: MongoBackend, *positional: Any, listeners: Any = (), **named: Any) -> None:
        make(self, *positional, listeners=[*listeners, WATCH], **named)

    MongoBackend.__init__ = watched  # type: ignore[method-assign]
    for name in _ASKING:
        setattr(MongoBackend, name, _telling_apart(getattr(MongoBackend, name)))


def _telling_apart(ask: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    def asked(*positional: Any, **named: Any) -> Awaitable[Any]:
        own = sys._getframe(1).f_code.co_filename.startswith(_TESTS)
        return WATCH.listening(ask(*positional, **named), own=own)

    return asked


@pytest.fixture(autouse=True)
def every_command_finds_its_shard() -> Iterator[None]:
    """Fails the test in which a command could not be sent to the shards that it is about."""
    yield
    found = WATCH.astray[:]
    WATCH.astray.clear()
    assert not found, f"{len(found)} commands could not be sent to their shards: {found[:3]}"
