"""`python -m services.auth provision [--dry-run] [--wait S]`, `verify-realm` and `withdraw`: the realm as code, from a shell
or a Job.

Ends with 0 when the realm is as it should be (or now is), with 1 when `verify-realm` or a dry run found differences, with 2
when the realm or the database cannot be reached or a setting is wrong.
"""

import asyncio
import sys
import time
from pathlib import Path

from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakError
from pydantic import Field, SecretStr

from chassis.errors import Unavailable
from chassis.settings import Settings
from chassis.trust import bundle
from services.auth.provision import issue_tokens, register_tokens
from services.auth.realm.apply import Provisioner
from services.auth.realm.fixes import fix
from services.auth.realm.wanted import Wishes
from services.auth.realm.withdraw import withdraw

_PAUSE_SECONDS = 3.0


class ProvisionSettings(Settings):
    """How the realm is administered."""

    keycloak_url: str = Field(description="base address of Keycloak, without `/realms/…`")
    keycloak_realm: str = Field("itsm", description="the realm")
    keycloak_client_realm: str = Field("master", description="realm of the client that provisions")
    keycloak_client_id: str = Field(description="client that provisions")
    keycloak_client_secret: SecretStr = Field(description="its secret")
    provision_file: Path | None = Field(None, description="JSON: tenant, clients, console, users of this installation")
    provision_secrets: Path | None = Field(
        None,
        description="folder with secrets that the file leaves out: `client.<id>`, `user.<name>` (password), `token.<name>` "
        "(a personal access token that is to work; needs the database)",
    )
    tokens_file: Path | None = Field(None, description="where a token for each of these users is written; needs the database")


async def _once(settings: ProvisionSettings, *, dry_run: bool) -> list[str]:
    wishes = Wishes.read(settings.provision_file, settings.provision_secrets)
    admin = connect(settings)
    run = Provisioner(admin=admin, wishes=wishes, dry_run=dry_run, realm=settings.keycloak_realm)
    differences = await run.run()
    if dry_run:
        return differences
    if settings.tokens_file:
        await issue_tokens(settings, admin, wishes.tenant, wishes.users, settings.tokens_file)
    if settings.provision_secrets:
        files = {name: settings.provision_secrets / f"token.{name}" for name in wishes.users}
        if given := {name: file.read_text().strip() for name, file in files.items() if file.exists()}:
            await register_tokens(settings, admin, wishes.tenant, given)
    return differences


def connect(settings: ProvisionSettings) -> KeycloakAdmin:
    """An administrator's connection; it signs in at the first call."""
    connection = KeycloakOpenIDConnection(
        server_url=settings.keycloak_url,
        realm_name=settings.keycloak_realm,
        user_realm_name=settings.keycloak_client_realm,
        client_id=settings.keycloak_client_id,
        client_secret_key=settings.keycloak_client_secret.get_secret_value(),
        timeout=20,
        verify=bundle(settings.ca_file) or True,
    )
    return KeycloakAdmin(connection=connection)


async def withdrawn() -> int:
    """Takes the people of the wishes out of the realm, whose tenant is one for demonstration; returns the exit code."""
    try:
        settings = ProvisionSettings.load()
        gone = await withdraw(connect(settings), Wishes.read(settings.provision_file, settings.provision_secrets))
    except (KeycloakError, OSError, ValueError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    sys.stdout.writelines(f"{line}\n" for line in gone)
    return 0


async def compared(settings: ProvisionSettings) -> list[tuple[str, str]]:
    """Each difference of the live realm with what to do about it; changes nothing.

    Raises `KeycloakError` where the realm refuses or does not answer, `OSError` and `ValueError` as `Wishes.read` does.
    """
    return [(difference, fix(difference)) for difference in await _once(settings, dry_run=True)]


async def provision(*, dry_run: bool, wait: float = 0, advise: bool = False) -> int:
    """Applies (or compares) and prints a line for each difference, and what to do by hand where `advise` says so.

    Returns the exit code.

    A realm or database that does not answer, or not yet as it should, is asked again for `wait` seconds.
    """
    end = time.monotonic() + wait
    while True:
        try:
            settings = ProvisionSettings.load()
            differences = await _once(settings, dry_run=dry_run)
        except (KeycloakError, Unavailable, OSError) as problem:
            if time.monotonic() > end:
                sys.stderr.write(f"The realm was not reached or refused: {problem}\n")
                return 2
            await asyncio.sleep(_PAUSE_SECONDS)
        except ValueError as problem:
            sys.stderr.write(f"{problem}\n")
            return 2
        else:
            break
    for line in differences:
        sys.stdout.write(f"{line}\n" + (f"    {fix(line)}\n" if advise else ""))
    if not differences:
        sys.stdout.write(f"The realm {settings.keycloak_realm} is as it should be.\n")
    return 1 if dry_run and differences else 0
