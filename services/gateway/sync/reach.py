"""How a connection is reached: its secret is opened for as long as it is needed, and its kind decides how to speak."""

from chassis import context as ctx
from chassis.outbound import Outbound
from chassis.sealing import Sealing
from chassis.store import Store, Update
from services.gateway.domain.connection import Connection, Kind
from services.gateway.sync import jira, servicenow
from services.gateway.sync.http import Client, Tokens
from services.gateway.sync.places import SECRETS
from services.gateway.sync.ports import Theirs, Trouble

_MOST_TOKENS = 1_000


class Reaching:
    """Opens the way to the other system of a connection of the current tenant."""

    def __init__(self, store: Store, outbound: Outbound, sealing: Sealing) -> None:
        self._store, self._outbound, self._sealing = store, outbound, sealing
        self._tokens: Tokens = {}

    def kept(self, connection_id: str, secret: str) -> Update:
        """What keeps a secret, in the transaction of its connection."""
        tenant = ctx.current().tenant
        sealed = self._sealing.seal(secret, f"{tenant}/{connection_id}")
        query = {"_id": connection_id, "tenant": tenant}
        return Update(SECRETS, query, {"$set": {"sealed": sealed}}, strict=False, upsert=True)

    async def to(self, connection: Connection) -> Theirs:
        """The other system. Raises `Trouble` where the secret cannot be read any more."""
        tenant = ctx.current().tenant
        found = await self._store.find(SECRETS, {"_id": connection.id}, limit=1)
        secret = self._sealing.open(found[0]["sealed"], f"{tenant}/{connection.id}") if found else None
        if secret is None:
            raise Trouble("its secret cannot be read any more: give it again", lasting=True)
        if len(self._tokens) > _MOST_TOKENS:
            self._tokens.clear()
        room, adapter = (jira, jira.Jira) if connection.kind is Kind.JIRA else (servicenow, servicenow.ServiceNow)
        client = Client(self._outbound, connection, secret, room.explain, tenant=tenant, tokens=self._tokens)
        return adapter(client, connection)
