"""Tokens for the demonstration users, beside the realm: made and written to a file, or given and made to work.

A token that is still good is kept. Fails with `Unavailable` when the realm or the database does not answer.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

from keycloak import KeycloakAdmin

from chassis import context as ctx
from chassis.codec import from_document
from chassis.domain import SystemClock, new_id, uuid7
from chassis.lease import Lease
from chassis.settings import Settings
from chassis.store import Store
from chassis.store.migrations import MIGRATING, migrate
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
    known = _read(file)
    async with _mirrored(settings, admin) as store:
        tokens = {}
        for name in users:
            subject = await _subject(store, tenant, name)
            if subject and await _good(store, tenant, subject, known.get(name, "")):
                tokens[name] = known[name]
            elif subject:
                tokens[name] = await _made(store, tenant, subject, Secret.new(Kind.PERSONAL, tenant))
    _write(file, tokens)


async def register_tokens(settings: Settings, admin: KeycloakAdmin, tenant: str, tokens: Mapping[str, str]) -> None:
    """Makes personal access tokens work that were given beforehand: user name → token. One that was revoked stays so."""
    async with _mirrored(settings, admin) as store:
        for name, text in tokens.items():
            subject = await _subject(store, tenant, name)
            secret = Secret.read(text)
            known = await store.backend.find_one(CREDENTIALS, {"tenant": tenant, "hash": secret.hash})
            if subject and known is None:
                await _made(store, tenant, subject, secret)


@asynccontextmanager
async def _mirrored(settings: Settings, admin: KeycloakAdmin) -> AsyncIterator[Store]:
    """The service's own store, with the people of the realm in it."""
    backend = MongoBackend(settings.mongo_uri.get_secret_value(), settings.mongo_driver, authorities=settings.ca_file)
    clock = SystemClock()
    store = Store(backend, clock, kept.KINDS, kept.INDEXES)
    try:
        await Lease(backend, MIGRATING, uuid7()).lead(partial(migrate, backend, store.indexes))
        await Mirror(KeycloakDirectory(admin), store, clock).pull()
        yield store
    finally:
        await backend.close()


async def _subject(store: Store, tenant: str, name: str) -> str:
    user = await store.backend.find_one(USERS, {"tenant": tenant, "username": name})
    return str(user["subject"]) if user is not None else ""


async def _good(store: Store, tenant: str, subject: str, text: str) -> bool:
    if not text:
        return False
    query = {"tenant": tenant, "hash": Secret.read(text).hash, "subject": subject, "revoke_time": None, "proved": True}
    row = await store.backend.find_one(CREDENTIALS, query)
    return row is not None and from_document(row, Credential).expire_time > store.clock() + _LEFT


async def _made(store: Store, tenant: str, subject: str, secret: Secret) -> str:
    now = store.clock()
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
                    proved=True,  # whoever sets a realm up holds more than any of its people
                )
            )
    return secret.text


def _read(file: Path) -> dict[str, str]:
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    return known


def _write(file: Path, tokens: dict[str, str]) -> None:
    file.touch(mode=0o600)
    file.write_text(json.dumps(tokens, indent=2) + "\n")
