"""Listens to every command of the drivers in the tests' own process, and keeps those that no shard could be found for."""

from collections.abc import Awaitable
from contextvars import ContextVar
from typing import Any

from pymongo import monitoring

from chassis.store.sharding import across, asked, astray
from tests.support.collections import ONCE, SERVICES, WHOLE, indexes

_WATCHED = ("find", "count", "aggregate", "findAndModify", "update", "delete", "insert")


class ShardWatch(monitoring.CommandListener):
    """Of the services' collections alone: a test's own questions to its own collections are nobody's business."""

    def __init__(self) -> None:
        self.scans: dict[str, set[str]] = {}
        declared = [index for service in SERVICES for index in indexes(service)]
        for collection, fields in (*across(declared).items(), *ONCE.items()):
            self.scans.setdefault(collection, set()).update(fields)
        self.heard = 0
        self.astray: list[str] = []
        self._own: ContextVar[bool] = ContextVar("asked by a test", default=False)

    async def listening(self, work: Awaitable[Any], *, own: bool) -> Any:
        """Does the work; what it asks is passed over where it is a test's own question."""
        token = self._own.set(own)
        try:
            return await work
        finally:
            self._own.reset(token)

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """See pymongo."""
        if event.command_name in _WATCHED and isinstance(event.command[event.command_name], str) and not self._own.get():
            self.heard += sum(1 for _ in asked(event.command_name, event.command))
            if why := astray(event.command_name, event.command, self.scans, WHOLE):
                self.astray.append(f"{event.database_name}.{why}"[:600])

    def succeeded(self, event: Any) -> None:
        """See pymongo."""

    def failed(self, event: Any) -> None:
        """See pymongo."""
