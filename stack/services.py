"""Our own processes in the local stack: their addresses, their settings, and how we know that they are ready."""

import json
import sys
from pathlib import Path
from typing import Any

import httpx

from chassis.peers import SERVICES
from stack.credentials import Credentials
from stack.files import write_atomically
from stack.kafka import Kafka
from stack.keycloak import BOOTSTRAP_CLIENT, REALM, Keycloak
from stack.mongo import Mongo
from stack.options import ROOT, Layout, Options
from stack.ports import Ports
from stack.process import Process, Spec

# One demonstration user per role, named after it (the roles are those of docs/reference, checked by the auth service).
ROLES = (
    "viewer", "requester", "agent", "incident-manager", "change-manager", "asset-manager", "monitor-manager",
    "analyst", "auditor", "admin", "operator",
)  # fmt: skip
TENANT = "main"
FRONT = "front"
"""The balancer before several gateways."""


def installed(root: Path = ROOT) -> tuple[str, ...]:
    """The services that can be started: those whose package has a main module and a composition root."""
    folders = {name: root / "services" / name for name in SERVICES}
    return tuple(
        name
        for name, folder in folders.items()
        if (folder / "__main__.py").exists() and ((folder / "app.py").exists() or (folder / "app").is_dir())
    )


class Services:
    """Specifications of our processes on top of a running backing."""

    def __init__(
        self, options: Options, ports: Ports, credentials: Credentials, mongo: Mongo, kafka: Kafka, keycloak: Keycloak
    ) -> None:
        self._options = options
        self._layout = Layout(options.state)
        self._ports = ports
        self._credentials = credentials
        self._mongo = mongo
        self._kafka = kafka
        self._keycloak = keycloak

    def target(self, service: str) -> str:
        """The main listener as host:port: gRPC, and HTTP for the gateway."""
        return f"127.0.0.1:{self._ports.get(service)}"

    def management(self, service: str) -> str:
        """The listener for health and metrics, as host:port."""
        return f"127.0.0.1:{self._ports.get(f'{service}-management')}"

    @property
    def gateway_rpc_target(self) -> str:
        """The gateway's gRPC listener as host:port."""
        return self.rpc_target("gateway")

    def rpc_target(self, gateway: str) -> str:
        """The gRPC listener of one of the gateways as host:port."""
        return f"127.0.0.1:{self._ports.get(f'{gateway}-rpc')}"

    @property
    def smtp_target(self) -> str:
        """Where mail is handed over, as host:port; nobody of ours listens there."""
        return f"127.0.0.1:{self._ports.get('smtp')}"

    def mail_target(self, gateway: str) -> str:
        """Where one of the gateways takes mail, as host:port."""
        return f"127.0.0.1:{self._ports.get(f'{gateway}-mail')}"

    @property
    def gateways(self) -> tuple[str, ...]:
        """The names of the gateways; the first is called as the service is."""
        return ("gateway", *(f"gateway-{number}" for number in range(2, self._options.gateways + 1)))

    @property
    def gateway_url(self) -> str:
        """Where all clients come in."""
        return f"http://{self.target(FRONT if self._options.gateways > 1 else 'gateway')}"

    @property
    def ingest_url(self) -> str:
        """The monitor's HTTP listener for signals."""
        return f"http://127.0.0.1:{self._ports.get('ingest')}"

    @property
    def otlp_target(self) -> str:
        """The monitor's OTLP listener for gRPC, as host:port."""
        return f"127.0.0.1:{self._ports.get('otlp')}"

    @property
    def users(self) -> dict[str, dict[str, Any]]:
        """The demonstration users: name to password and roles."""
        return {role: {"password": self._credentials.get(f"user/{role}"), "roles": [role]} for role in ROLES}

    def client_secret(self, client: str) -> str:
        """The secret of a confidential client of the realm."""
        return self._credentials.get(f"keycloak/client/{client}")

    def environment(self, name: str) -> dict[str, str]:
        """All settings of one process, called as its service is, or as one of several gateways."""
        service = _service(name)
        settings = {
            "ITSM_ENVIRONMENT": "development",
            "ITSM_INSTALLATION": "local",
            "ITSM_LISTEN": self.target(name),
            "ITSM_MANAGEMENT_LISTEN": self.management(name),
            "ITSM_DRAIN_SECONDS": "0",
            "ITSM_LOG_FORMAT": "text",
            "ITSM_MONGO_URI": self._mongo.uri(service),
            "ITSM_MONGO_DRIVER": self._options.mongo_driver,
            "ITSM_KAFKA_BOOTSTRAP": self._kafka.bootstrap,
            "ITSM_KAFKA_USERNAME": f"itsm_{service}",
            "ITSM_KAFKA_PASSWORD": self._kafka.password(f"itsm_{service}"),
            "ITSM_OIDC_ISSUER": self._keycloak.issuer,
            "ITSM_OIDC_INTERNAL_URL": self._keycloak.issuer,
            "ITSM_TOKEN_ISSUER_JWKS": f"http://{self.management('auth')}/jwks.json",
            "ITSM_CLIENT_ID": f"itsm-{service}",
            "ITSM_CLIENT_SECRET": self.client_secret(f"itsm-{service}"),
            "ITSM_PAGE_TOKEN_KEY": self._credentials.get("page-token-key"),
            "ITSM_CLOCK_FILE": str(self._layout.clock),
            **{f"ITSM_{peer.upper()}_TARGET": self.target(peer) for peer in SERVICES if peer != "gateway"},
        }
        if service in ("monitor", "gateway"):
            # Whoever tries webhooks here has the receiver on this machine.
            settings["ITSM_OUTBOUND_NETWORKS"] = "127.0.0.0/8,::1/128"
            settings["ITSM_OUTBOUND_PORTS"] = "80,443,1024-65535"
            settings["ITSM_OUTBOUND_HTTP"] = "true"
        if service == "analytics":
            settings["ITSM_SEARCH_PATH"] = str(self._layout.services / f"{name}-search")
        if service == "monitor":
            settings["ITSM_INGEST_LISTEN"] = self.ingest_url.removeprefix("http://")
            settings["ITSM_OTLP_LISTEN"] = self.otlp_target
        if service == "gateway":
            settings["ITSM_PUBLIC_URL"] = self.gateway_url
            settings["ITSM_GRPC_LISTEN"] = self.rpc_target(name)
            # Whoever wants to see mail listens there; what nobody takes is tried again.
            settings["ITSM_SMTP_URL"] = f"smtp+plain://{self.smtp_target}"
            settings["ITSM_MAIL_FROM"] = "itsm@demo.example"
            # The domains of the examples, and of a second tenant that has a mailbox in tests.
            settings["ITSM_MAIL_DOMAINS"] = f"{TENANT}=demo.example,example.org,example.com;matrix-a=desk.example"
            settings["ITSM_MAIL_LISTEN"] = self.mail_target(name)
            settings["ITSM_RATE_REPLICAS"] = str(self._options.gateways)
            settings["ITSM_CONSOLE_CLIENT_ID"] = "itsm-console"
            # Loads and figures are of the platform, not of what it would let a caller have.
            settings |= dict.fromkeys(
                ("ITSM_RATE_PRINCIPAL", "ITSM_RATE_TENANT", "ITSM_RATE_SIGN_IN", "ITSM_MAX_IN_FLIGHT"), "0"
            )
            settings["ITSM_CONSOLE_CLIENT_SECRET"] = self.client_secret("itsm-console")
        if service == "auth":
            settings |= self._realm_environment()
            settings["ITSM_OUTBOUND_NETWORKS"] = "127.0.0.0/8,::1/128"
            settings["ITSM_DIRECTORY_PORTS"] = "389,636,1024-65535"
            settings["ITSM_DIRECTORY_PLAIN"] = "true"
        return settings | self._options.extra

    def provision_environment(self) -> dict[str, str]:
        """What `python -m services.auth provision` is told, which alone administers the realm with full rights."""
        return self._realm_environment() | {
            "ITSM_KEYCLOAK_CLIENT_ID": BOOTSTRAP_CLIENT,
            "ITSM_KEYCLOAK_CLIENT_SECRET": self._keycloak.bootstrap_secret,
        }

    def _realm_environment(self) -> dict[str, str]:
        """Where the realm is and where its two files are.

        The first file holds what this installation wants (`write_provision_file`); into the second, if it can, the auth
        service writes one personal access token per user: an object, name to token.
        """
        return {
            "ITSM_KEYCLOAK_URL": self._keycloak.url,
            "ITSM_KEYCLOAK_REALM": REALM,
            "ITSM_PROVISION_FILE": str(self._layout.services / "provision.json"),
            "ITSM_TOKENS_FILE": str(self._tokens_file),
        }

    def write_provision_file(self) -> None:
        """What this installation wants from the realm: addresses and secrets of its clients, and its users.

        Keys: `tenant`; `clients` (service account client to `secret`); `console` (`client_id`, `secret`,
        `redirect_uris`, `post_logout_redirect_uris`, `backchannel_logout_url`); `users` (name to `password`, `roles`).
        """
        url = self.gateway_url
        wishes = {
            "tenant": TENANT,
            "clients": {f"itsm-{name}": {"secret": self.client_secret(f"itsm-{name}")} for name in SERVICES},
            "console": {
                "client_id": "itsm-console",
                "secret": self.client_secret("itsm-console"),
                "redirect_uris": [f"{url}/auth/callback"],
                "post_logout_redirect_uris": [f"{url}/"],
                "backchannel_logout_url": f"{url}/auth/backchannel-logout",
            },
            "users": self.users,
        }
        text = json.dumps(wishes, indent=2) + "\n"
        write_atomically(self._layout.services / "provision.json", text, mode=0o600)

    @property
    def _tokens_file(self) -> Path:
        return self._layout.services / "tokens.json"

    def tokens(self) -> dict[str, str]:
        """The personal access tokens of the users, by name; empty until the realm is provisioned."""
        if not self._tokens_file.exists():
            return {}
        found: dict[str, str] = json.loads(self._tokens_file.read_text())
        return found

    def front(self) -> Spec:
        """The command of the balancer before the gateways."""
        return Spec(
            name=FRONT,
            argv=(sys.executable, "-m", "stack.front", self.target(FRONT), *(self.target(name) for name in self.gateways)),
            ports=(self._ports.get(FRONT),),
            state=self._layout.state,
            log=self._layout.logs / f"{FRONT}.log",
            environment={},
            cwd=ROOT,
        )

    def spec(self, name: str) -> Spec:
        """The command of one process, called as its service is, or as one of several gateways."""
        service = _service(name)
        ports = [self._ports.get(name), self._ports.get(f"{name}-management")]
        if service == "monitor":
            ports += [self._ports.get("ingest"), self._ports.get("otlp")]
        if service == "gateway":
            ports += [self._ports.get(f"{name}-rpc"), self._ports.get(f"{name}-mail")]
        return Spec(
            name=name,
            argv=(sys.executable, "-m", f"services.{service}"),
            ports=tuple(ports),
            state=self._layout.state,
            log=self._layout.logs / f"{name}.log",
            environment=self.environment(name),
            cwd=ROOT,
            stop_timeout=30,
        )

    async def make_ready(self, process: Process) -> None:
        """Wait until the process says itself that it is ready."""
        await self._answered(process, f"http://{self.management(process.name)}/readyz")

    async def make_front_ready(self, process: Process) -> None:
        """Wait until a gateway answers through the balancer."""
        await self._answered(process, f"{self.gateway_url}/api/v1/openapi.json")

    async def _answered(self, process: Process, address: str) -> None:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:

            async def answers() -> bool:
                try:
                    return (await client.get(address)).status_code == httpx.codes.OK
                except httpx.TransportError:
                    return False

            await process.wait_ready(answers)


def _service(name: str) -> str:
    """Which service a process is one of: `gateway-2` is a gateway."""
    return name.partition("-")[0]
