"""Keycloak with the realm of the platform, and the step that gives it clients, roles and the demonstration users.

The realm file (settings only) belongs to the auth service and is imported when the realm does not exist yet; clients,
roles and users are then applied by the auth service's own command, at every start. Fails with `ProcessDied` when
Keycloak does not come up, and with `StackError` when that command fails.
"""

import os
import shutil
from pathlib import Path

import httpx

from stack.credentials import Credentials
from stack.fetch import KEYCLOAK_VERSION
from stack.options import ROOT, Layout
from stack.process import Process, Spec

REALM = "itsm"
BOOTSTRAP_CLIENT = "itsm-bootstrap"
BOOTSTRAP_ADMIN = "bootstrap-admin"
REALM_FILE = ROOT / "services" / "auth" / "realm" / "realm.json"


class Keycloak:
    """The one Keycloak of the stack; the port is its public address, the management port answers health only."""

    def __init__(
        self, layout: Layout, port: int, management_port: int, credentials: Credentials, *, light: bool = False
    ) -> None:
        self._layout = layout
        self.port = port
        self._management_port = management_port
        self._credentials = credentials
        self._light = light

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def issuer(self) -> str:
        """The `iss` of the realm's tokens."""
        return f"{self.url}/realms/{REALM}"

    @property
    def bootstrap_secret(self) -> str:
        """Of the client in the master realm that provisions; it exists for this alone."""
        return self._credentials.get("keycloak/bootstrap-client")

    @property
    def admin_password(self) -> str:
        """Of the administrator in the master realm, for people who look at the admin console."""
        return self._credentials.get("keycloak/bootstrap-admin")

    @property
    def _data(self) -> Path:
        return self._layout.keycloak / "data"

    @property
    def _initialized(self) -> Path:
        return self._layout.keycloak / "initialized"

    def spec(self, installation: Path) -> Spec:
        """The command, after this state folder has a home of its own and the realm file lies in it."""
        home = self._home(installation)
        if not self._initialized.exists():
            shutil.rmtree(self._data / "h2", ignore_errors=True)  # of a first start that was interrupted
        imports = self._data / "import"
        imports.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REALM_FILE, imports / "realm.json")
        jvm = "-Xms64m -Xmx384m -XX:MetaspaceSize=96M -XX:MaxMetaspaceSize=256m -XX:+UseSerialGC"
        return Spec(
            name="keycloak",
            argv=(
                str(home / "bin" / "kc.sh"), "start", "--optimized", "--cache=local", "--http-enabled=true",
                "--http-host=127.0.0.1", f"--http-port={self.port}", f"--http-management-port={self._management_port}",
                f"--hostname={self.url}", "--log-level=warn,org.keycloak.quarkus.runtime.KeycloakMain:info",
                "--import-realm",
            ),
            ports=(self.port, self._management_port),
            state=self._layout.state,
            log=self._layout.logs / "keycloak.log",
            environment={
                "JAVA_OPTS": f"{jvm} -XX:TieredStopAtLevel=1" if self._light else jvm,
                "KC_BOOTSTRAP_ADMIN_USERNAME": BOOTSTRAP_ADMIN,
                "KC_BOOTSTRAP_ADMIN_PASSWORD": self.admin_password,
                "KC_BOOTSTRAP_ADMIN_CLIENT_ID": BOOTSTRAP_CLIENT,
                "KC_BOOTSTRAP_ADMIN_CLIENT_SECRET": self.bootstrap_secret,
            },
            ready_timeout=180,
            stop_timeout=8,  # it takes one second, and forever while it still starts
        )  # fmt: skip

    def _home(self, installation: Path) -> Path:
        """Keycloak keeps its data below its own folder and resolves links, so each state folder gets linked files."""
        home = self._layout.keycloak / f"home-{KEYCLOAK_VERSION}"
        self._data.mkdir(parents=True, exist_ok=True)
        if not home.exists():
            part = home.with_name(home.name + ".part")
            shutil.rmtree(part, ignore_errors=True)
            ignored = shutil.ignore_patterns("data")
            shutil.copytree(installation, part, copy_function=_link_or_copy, ignore=ignored)
            (part / "data").symlink_to(self._data)
            part.rename(home)
        return home

    async def make_ready(self, process: Process) -> None:
        """Wait until the server is healthy and the realm answers."""
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            health = f"http://127.0.0.1:{self._management_port}/health/ready"
            discovery = f"{self.issuer}/.well-known/openid-configuration"

            async def answers() -> bool:
                try:  # health first: asking for the realm too early puts a warning into the log
                    healthy = (await client.get(health)).status_code == httpx.codes.OK
                    return healthy and (await client.get(discovery)).status_code == httpx.codes.OK
                except httpx.TransportError:
                    return False

            await process.wait_ready(answers)
        self._initialized.touch()


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
