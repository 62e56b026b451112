"""What the ingestion listener needs of others, played: who a key is of, and what an Alertmanager posts."""

import asyncio
import time
from typing import Any

from chassis.auth import Policy, Principal
from chassis.errors import Unauthenticated, Unavailable

ALERTMANAGER = "/ingest/alertmanager"
ZERO = "0001-01-01T00:00:00Z"


class KnownKeys:
    """The auth service as the listener needs it: what each key is worth, and how often it was asked."""

    def __init__(self) -> None:
        self.keys = {"iti_good": "main", "iti_other": "other", "iti_reader": "main"}
        self.asked = 0
        self.down = False

    async def exchange(self, secret: str) -> str:
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable("the auth service does not answer")
        if secret not in self.keys:
            raise Unauthenticated("this key is not known")
        return secret

    async def verify(self, token: str, tenant_hint: str = "") -> Principal:
        role = "viewer" if token == "iti_reader" else "integration"
        return Principal(
            subject=f"sub-{token}",
            kind="service",
            tenant=self.keys[token],
            roles=frozenset({role}),
            expires_at=int(time.time()) + 60,
            issuer="auth",
            session_id=f"crd_{token}",
        )

    def policy(self) -> Policy:
        return Policy(1, {"integration": frozenset({"alerts.ingest", "samples.write"}), "viewer": frozenset()}, {})


def an_alert(**more: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "InstanceDown", "instance": "web-1.example:9100", "severity": "page"},
        "annotations": {"summary": "web-1 is down", "description": "no answer for a minute"},
        "startsAt": "2126-06-03T11:59:00.123456789Z",
        "endsAt": ZERO,
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": "00a1b2c3d4e5f607",
        **more,
    }


def a_notification(*items: Any, **more: Any) -> dict[str, Any]:
    return {"version": "4", "groupKey": "{}", "status": "firing", "notification_reason": "new", "alerts": list(items), **more}
