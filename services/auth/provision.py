"""Tokens for the demonstration users of a local stack, made beside the realm and written to a file of their own.

A token of the file that is still good is kept. Fails with `Unavailable` when the realm or the database does not answer.
"""

import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from keycloak import KeycloakAdmin

from chassis import context as ctx
from chassis.codec import from_document
from chassis.domain import SystemClock, new_id
from chassis.settings import Settings
from chassis.store import Store
from chassis.store.migrations import migrate
from chassis.store.mongo import MongoBackend
from services.auth import store as kept
from services.auth.domain.credential import Credential, Kind, Secret
from services.auth.keycloak import KeycloakDirectory
from services.auth.usecases.credentials import CREDENTIALS
from services.auth.usecases.mirror import USERS, Mirror

_NAME = "Local stack"
_LIFE = timedelta(days=365)
_LEFT = timedelta(days=30)


async def issue_tokens(settings: Settings, admin: KeycloakAdmin, tenant: str, users: Iterable[str], file: Path) -> None:
    """Writes user name → personal access token as JSON, readable by its owner only."""
    backend = MongoBackend(settings.mongo_uri.get_secret_value(), settings.mongo_driver)
    clock = SystemClock()
    store = Store(backend, clock, kept.KINDS, kept.INDEXES)
    known = _read(file)
    try:
        await migrate(backend, store.indexes)
        await Mirror(KeycloakDirectory(admin), store, clock).pull()
        tokens = {}
        for name in users:
            user = await backend.find_one(USERS, {"tenant": tenant, "username": name})
            if user is not None:
                tokens[name] = await _token(store, tenant, user["subject"], known.get(name, ""))
    finally:
        await backend.close()
    _write(file, tokens)


async def _token(store: Store, tenant: str, subject: str, known: str) -> str:
    now = store.clock()
    if known:
        query = {"tenant": tenant, "hash": Secret.read(known).hash, "subject": subject, "revoke_time": None}
        row = await store.backend.find_one(CREDENTIALS, query)
        if row is not None and from_document(row, Credential).expire_time > now + _LEFT:
            return known
    secret = Secret.new(Kind.PERSONAL, tenant)
    with ctx.use(ctx.Context(tenant=tenant, actor=ctx.Actor(id=subject))):
        async with store.transaction() as tx:
            tx.add(
                Credential.token(
                    secret,
                    id=new_id("crd"),
                    name=_NAME,
                    creator_id=subject,
                    roles=(),
                    permissions=(),
                    expire_time=now + _LIFE,
                    at=now,
                )
            )
    return secret.text


def _read(file: Path) -> dict[str, str]:
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    return known


def _write(file: Path, tokens: dict[str, str]) -> None:
    file.touch(mode=0o600)
    file.write_text(json.dumps(tokens, indent=2) + "\n")
