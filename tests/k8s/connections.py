"""The release as the tests of the whole stack know a stack: addresses on 127.0.0.1, users with passwords and tokens."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.k8s.cluster import Cluster, free_port


@dataclass(frozen=True, slots=True)
class Ports:
    """Local ports. The first two are part of addresses that the release is told, so they are fixed before it is installed."""

    gateway: int
    keycloak: int
    more: tuple[str, ...] = ()

    @classmethod
    def choose(cls, more: Sequence[str] = ()) -> "Ports":
        """Those of the charts' values where they are free, so that a bare installation can be reached; `more` values."""
        return cls(free_port(8080), free_port(8180), tuple(more))

    def values(self) -> list[str]:
        """What an installation has to be told because of these ports, and of the cluster; mostly nothing."""
        result = [part for value in self.more for part in ("--set", value)]
        if self.gateway != 8080:
            result += ["--set", f"gateway.publicUrl=http://localhost:{self.gateway}"]
        if self.keycloak != 8180:
            result += ["--set", f"backing.keycloak.publicUrl=http://localhost:{self.keycloak}"]
        return result


@asynccontextmanager
async def connected(cluster: Cluster, ports: Ports) -> AsyncIterator[dict[str, Any]]:
    """A description as `python -m stack up --json` prints it, as far as a release has the same parts."""
    ingest, otlp, name = free_port(0), free_port(0), cluster.release
    secrets = await cluster.secret(f"{name}-demo-users")
    admin = await cluster.secret(f"{name}-keycloak-admin")
    users = {
        role: {"password": password, "roles": [role], "token": secrets[f"{role}.token"]}
        for role, password in secrets.items()
        if f"{role}.token" in secrets
    }
    gateway, keycloak = f"http://localhost:{ports.gateway}", f"http://localhost:{ports.keycloak}"
    async with AsyncExitStack() as forwards:
        for target, *pairs in (
            (f"service/{name}-gateway", (ports.gateway, 8080)),
            (f"service/{name}-keycloak", (ports.keycloak, 8080)),
            (f"service/{name}-monitor", (ingest, 8080), (otlp, 4317)),
        ):
            await forwards.enter_async_context(cluster.forward(target, *pairs))
        yield {
            "gateway": gateway,
            "ingest": f"http://127.0.0.1:{ingest}",
            "otlp_grpc": f"127.0.0.1:{otlp}",
            "keycloak": keycloak,
            "users": users,
            "processes": {},
            "services": {},
            "backing": {
                "keycloak": {
                    "url": keycloak,
                    "issuer": f"{keycloak}/realms/itsm",
                    "admin": {"username": admin["username"], "password": admin["password"]},
                }
            },
        }
