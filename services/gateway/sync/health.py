"""How a connection does: what people are told of it, once for each change."""

from chassis.errors import NotFound
from chassis.races import again
from chassis.store import Store
from services.gateway.domain.connection import Connection, State
from services.gateway.sync.links import Links

REASON_LENGTH = 500


class Doing:
    """Writes down how exchanges of connections of the current tenant end."""

    def __init__(self, store: Store) -> None:
        self._store, self._links = store, Links(store)

    async def failed(self, connection: Connection, why: str) -> None:
        """An exchange failed."""
        why = why[:REASON_LENGTH]
        if (connection.state, connection.last_error) != (State.FAILING, why):
            await again(lambda: self._told(connection.id, why))

    async def worked(self, connection: Connection) -> None:
        """An exchange went well, which is not all as long as a ticket could not become an incident."""
        if connection.state is not State.FAILING:
            return
        if why := await self._links.unopened(connection.id):
            await self.failed(connection, why)
        else:
            await again(lambda: self._told(connection.id, ""))

    async def _told(self, id: str, why: str) -> None:  # noqa: A002 - as its field
        async with self._store.transaction() as tx:
            try:
                connection = await tx.get(Connection, id)
            except NotFound:  # removed meanwhile, and forgotten
                return
            if connection.delete_time is not None:
                return
            if why:
                connection.failed(self._store.clock(), why)
            else:
                connection.worked(self._store.clock())
            tx.save(connection)
