"""`itsm auth verify-realm`: whether a realm of Keycloak, made by hand or by others, is as the platform needs it.

Keycloak is asked directly, with a client that may view the realm: it has to work before the platform does. The comparison is
that of the auth service, so its parts have to be installed here.
"""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.prompt import Prompt

from cli.errors import CliError, ExitCode
from cli.session import Form, Session, opened

if TYPE_CHECKING:
    from services.auth.realm.command import ProvisionSettings

app = typer.Typer(no_args_is_help=True, help="What the platform needs of the identity provider.")


@app.callback()
def _group() -> None:
    """What the platform needs of the identity provider."""


@app.command("verify-realm")
def verify_realm(
    keycloak_url: Annotated[str, typer.Option("--keycloak", help="Base address of Keycloak; ITSM_KEYCLOAK_URL.")] = "",
    keycloak_realm: Annotated[str, typer.Option("--realm", help="The realm; ITSM_KEYCLOAK_REALM, else itsm.")] = "",
    keycloak_client_realm: Annotated[
        str, typer.Option("--client-realm", help="Realm of the client that looks; ITSM_KEYCLOAK_CLIENT_REALM, else master.")
    ] = "",
    keycloak_client_id: Annotated[
        str, typer.Option("--client-id", help="Client that looks; ITSM_KEYCLOAK_CLIENT_ID. Its secret: see below.")
    ] = "",
    provision_file: Annotated[
        str, typer.Option("--file", help="JSON: tenant, clients, console, users of the installation; ITSM_PROVISION_FILE.")
    ] = "",
    output: Form = None,
) -> None:
    """Compare a live realm with what the platform needs: each thing that is missing or different, and how to fix it.

    Changes nothing. The secret of the client comes from ITSM_KEYCLOAK_CLIENT_SECRET, else from a prompt or stdin. Ends with 1
    where something has to be fixed.
    """
    given = {
        "keycloak_url": keycloak_url,
        "keycloak_realm": keycloak_realm,
        "keycloak_client_realm": keycloak_client_realm,
        "keycloak_client_id": keycloak_client_id,
        "provision_file": provision_file,
    }
    with opened(output) as session:
        found = _compared(session, {name: value for name, value in given.items() if value})
        rows = [{"difference": difference, "fix": fix} for difference, fix in found]
        session.out.records(rows, ("difference", "fix"), empty="the realm is as it should be")
        if rows:
            session.failed = ExitCode.ERROR


def _compared(session: Session, given: dict[str, Any]) -> list[tuple[str, str]]:
    try:
        from keycloak.exceptions import KeycloakError

        from services.auth.realm.command import compared
    except ImportError as error:
        raise CliError(f"{error.name} is not installed here", hint="pip install 'itsm[auth]'") from error
    try:
        return asyncio.run(compared(_settings(session, given)))
    except (KeycloakError, OSError) as error:
        raise CliError(f"the realm was not reached or refused: {error}") from error
    except ValidationError as error:
        names = ", ".join(str(each["loc"][0]) for each in error.errors() if each["loc"])
        raise CliError(f"not said, or not right: {names}", hint="see: itsm auth verify-realm --help") from error
    except ValueError as error:
        raise CliError(str(error)) from error


def _settings(session: Session, given: dict[str, Any]) -> "ProvisionSettings":
    """As the environment says, where no option says otherwise. Raises `ValidationError`."""
    from services.auth.realm.command import ProvisionSettings

    try:
        return ProvisionSettings(**given)
    except ValidationError as error:
        if [each["loc"] for each in error.errors()] != [("keycloak_client_secret",)]:
            raise
    if sys.stdin.isatty():
        secret = Prompt.ask("Secret of the client", password=True, console=session.out.talk)
    else:
        secret = sys.stdin.readline(8192)
    return ProvisionSettings(**given, keycloak_client_secret=secret.strip())
