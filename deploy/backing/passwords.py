"""Makes the Secrets of an evaluation where they are missing, through the Kubernetes API, and never changes one that is there.

The account needs `get`, `create` and `patch` on exactly these names: a server-side apply creates what is missing, so that no
right to create any Secret is needed. Fails with `StackError` when the API refuses or does not answer.
"""

import base64
import http.client
import json
import secrets
import socket
import ssl
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from chassis.peers import SERVICES
from services.auth.domain.credential import Kind, Secret
from stack.errors import StackError
from stack.kafka import READER
from stack.keycloak import BOOTSTRAP_ADMIN, BOOTSTRAP_CLIENT
from stack.services import ROLES

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_HOST = "kubernetes.default.svc"
_CONFLICT = 409


def wanted(release: str, mongo_host: str, tenant: str) -> dict[str, dict[str, str]]:
    """Every Secret with its keys and a new random content."""
    result = {
        f"{release}-mongod": {"keyfile": secrets.token_hex(48), "root-password": _password()},
        f"{release}-kafka": {"broker-password": _password(), "controller-password": _password()},
        f"{release}-kafka-admin": {"username": "admin", "password": _password()},
        f"{release}-kafka-reader": {"username": READER, "password": _password()},
        f"{release}-keycloak-admin": {
            "username": BOOTSTRAP_ADMIN,
            "password": _password(),
            "client-id": BOOTSTRAP_CLIENT,
            "client-secret": _password(),
        },
        f"{release}-oidc-itsm-console": {"client-secret": _password()},
        f"{release}-page-token": {"page-token-key": _password()},
        f"{release}-signing": {"signing-secret": _password()},
        f"{release}-webhooks": {"webhook-key": _password()},
        f"{release}-demo-users": {role: _password() for role in ROLES} | {f"{role}.token": _token(tenant) for role in ROLES},
    }
    for service in SERVICES:
        database = f"itsm_{service}"
        result[f"{release}-mongodb-{service}"] = {
            "uri": _uri(database, database, mongo_host),
            "migration-uri": _uri(f"{database}_migration", database, mongo_host),
        }
        result[f"{release}-kafka-{service}"] = {"username": database, "password": _password()}
        result[f"{release}-oidc-itsm-{service}"] = {"client-secret": _password()}
    return result


def missing(have: Mapping[str, str] | None, want: Mapping[str, str]) -> dict[str, str]:
    """The keys that a Secret lacks; all of them where there is none."""
    return {key: value for key, value in want.items() if key not in (have or {})}


def make(release: str, namespace: str, mongo_host: str, tenant: str, labels: Mapping[str, str], wait: float) -> None:
    """One pass over all Secrets, repeated until the API has answered for each."""
    api = _Api(namespace)
    deadline = time.monotonic() + wait
    for name, content in wanted(release, mongo_host, tenant).items():
        while True:
            try:
                _ensure(api, name, content, labels)
                break
            except (OSError, http.client.HTTPException) as problem:
                if time.monotonic() > deadline:
                    raise StackError(f"the Kubernetes API does not answer: {problem}") from problem
                time.sleep(1)


def _ensure(api: "_Api", name: str, content: Mapping[str, str], labels: Mapping[str, str]) -> None:
    have = api.get(name)
    lacking = missing(have, content)
    if not lacking:
        sys.stdout.write(f"{name} is there\n")
        return
    outcome = api.apply(name, lacking, labels)
    if outcome == _CONFLICT and missing(api.get(name), content):
        raise StackError(f"somebody else owns a part of the Secret {name}; add the keys {', '.join(sorted(lacking))} to it")
    sys.stdout.write(f"{name} is made\n" if have is None else f"{name} has got {', '.join(sorted(lacking))}\n")


def _password() -> str:
    return secrets.token_urlsafe(24)


def _token(tenant: str) -> str:
    """A personal access token, which the provisioning of the realm makes known."""
    return Secret.new(Kind.PERSONAL, tenant).text


def _uri(user: str, database: str, host: str) -> str:
    return f"mongodb://{user}:{quote(_password(), safe='')}@{host}/{database}?replicaSet=rs0"


class _Api:
    """Secrets of one namespace, as the pod's own account."""

    def __init__(self, namespace: str) -> None:
        self._path = f"/api/v1/namespaces/{namespace}/secrets"
        self._trust = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))

    def get(self, name: str) -> dict[str, str] | None:
        """The content of a Secret, still encoded; `None` if there is none."""
        status, answer = self._ask("GET", f"{self._path}/{name}")
        if status == http.client.NOT_FOUND:
            return None
        _require(status, answer, name)
        found: dict[str, str] = answer.get("data") or {}
        return found

    def apply(self, name: str, content: Mapping[str, str], labels: Mapping[str, str]) -> int:
        """Adds keys to a Secret or makes it; the status is 409 when another writer was there first."""
        data = {key: base64.b64encode(value.encode()).decode() for key, value in content.items()}
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {"name": name, "labels": dict(labels)},
            "data": data,
        }
        # A writer of its own each time, so that what another one wrote is a conflict and not overwritten.
        manager = f"itsm-backing-{socket.gethostname()}"[:120]
        status, answer = self._ask("PATCH", f"{self._path}/{name}?fieldManager={manager}", body)
        if status != _CONFLICT:
            _require(status, answer, name)
        return status

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPSConnection(_HOST, timeout=10, context=self._trust)
        headers = {"Authorization": f"Bearer {(_ACCOUNT / 'token').read_text()}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/apply-patch+yaml"
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        finally:
            connection.close()


def _require(status: int, answer: Mapping[str, Any], name: str) -> None:
    if status >= http.client.BAD_REQUEST:
        raise StackError(f"the Kubernetes API refuses the Secret {name}: {status} {answer.get('message', '')}")
