"""`python -m services.auth provision [--dry-run]` and `verify-realm`: the realm as code, from a shell or a Job.

Ends with 0 when the realm is as it should be (or now is), with 1 when `verify-realm` or a dry run found differences, with 2
when the realm or the database cannot be reached or a setting is wrong.
"""

import sys
from pathlib import Path

from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakError
from pydantic import Field, SecretStr

from chassis.errors import Unavailable
from chassis.settings import Settings
from services.auth.provision import issue_tokens
from services.auth.realm.apply import Provisioner
from services.auth.realm.wanted import Wishes


class ProvisionSettings(Settings):
    """How the realm is administered."""

    keycloak_url: str = Field(description="base address of Keycloak, without `/realms/…`")
    keycloak_realm: str = Field("itsm", description="the realm")
    keycloak_client_realm: str = Field("master", description="realm of the client that provisions")
    keycloak_client_id: str = Field(description="client that provisions")
    keycloak_client_secret: SecretStr = Field(description="its secret")
    provision_file: Path | None = Field(None, description="JSON: tenant, clients, console, users of this installation")
    tokens_file: Path | None = Field(None, description="where a token for each of these users is written; needs the database")


def connect(settings: ProvisionSettings) -> KeycloakAdmin:
    """An administrator's connection; it signs in at the first call."""
    connection = KeycloakOpenIDConnection(
        server_url=settings.keycloak_url,
        realm_name=settings.keycloak_realm,
        user_realm_name=settings.keycloak_client_realm,
        client_id=settings.keycloak_client_id,
        client_secret_key=settings.keycloak_client_secret.get_secret_value(),
        timeout=20,
    )
    return KeycloakAdmin(connection=connection)


async def provision(*, dry_run: bool) -> int:
    """Applies (or compares) and prints a line for each difference. Returns the exit code."""
    try:
        settings = ProvisionSettings.load()
        wishes = Wishes.read(settings.provision_file)
        admin = connect(settings)
        run = Provisioner(admin=admin, wishes=wishes, dry_run=dry_run, realm=settings.keycloak_realm)
        differences = await run.run()
        if settings.tokens_file and not dry_run:
            await issue_tokens(settings, admin, wishes.tenant, wishes.users, settings.tokens_file)
    except (KeycloakError, Unavailable, OSError, ValueError) as problem:
        sys.stderr.write(f"The realm was not reached or refused: {problem}\n")
        return 2
    for line in differences:
        sys.stdout.write(f"{line}\n")
    if not differences:
        sys.stdout.write(f"The realm {settings.keycloak_realm} is as it should be.\n")
    return 1 if dry_run and differences else 0
