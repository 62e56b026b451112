"""Load from a pod inside the cluster: a connection through `kubectl port-forward` ends with the one pod that it goes to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.k8s.cluster import Cluster, Refused

_SCRIPT = Path(__file__).with_name("loader.py")
# Network policies let pods of tests in, and nobody else from outside.
_LABELS = {"app.kubernetes.io/name": "itsm", "app.kubernetes.io/component": "test"}
_NAME = "itsm-load"
_GRACE = 180.0


class Running:
    """A load that runs; `summary` is there after the block."""

    def __init__(self) -> None:
        self.summary: dict[str, Any] = {}


@asynccontextmanager
async def loaded(cluster: Cluster, gateway: str, *, rate: float, seconds: float) -> AsyncIterator[Running]:
    """Asks the gateway at `rate` requests a second while the block runs and until `seconds` are over."""
    await cluster.kubectl("delete", "pod,configmap", _NAME, "--ignore-not-found", "--wait=true")
    image = (await cluster.pods("gateway"))[0]["spec"]["containers"][0]["image"]
    await cluster.kubectl("apply", "--filename", "-", given=json.dumps(_objects(cluster, gateway, image, rate, seconds)))
    running = Running()
    try:
        await _phase(cluster, {"Running"}, 120)
        yield running
        await _phase(cluster, {"Succeeded", "Failed"}, seconds + _GRACE)
        output = await cluster.kubectl("logs", _NAME)
        try:
            running.summary = json.loads(output.splitlines()[-1])
        except (IndexError, ValueError):
            raise Refused(f"the load did not tell how it went: {output[-500:]}") from None
    finally:
        await cluster.kubectl("delete", "pod,configmap", _NAME, "--ignore-not-found", "--wait=false")


async def _phase(cluster: Cluster, wanted: set[str], within: float) -> None:
    async with asyncio.timeout(within):
        while await cluster.kubectl("get", "pod", _NAME, "--output", "jsonpath={.status.phase}") not in wanted:  # noqa: ASYNC110
            await asyncio.sleep(1)


def _objects(cluster: Cluster, gateway: str, image: str, rate: float, seconds: float) -> dict[str, Any]:
    script = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": _NAME}, "data": {"loader.py": _SCRIPT.read_text()}}
    container = {
        "name": "load",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "/load/loader.py", gateway, "/token/agent.token", str(rate), str(seconds)],
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "script", "mountPath": "/load"},
            {"name": "token", "mountPath": "/token"},
        ],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _NAME, "labels": _LABELS | {"app.kubernetes.io/instance": cluster.release}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "fsGroup": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [
                {"name": "script", "configMap": {"name": _NAME}},
                {
                    "name": "token",
                    "secret": {
                        "secretName": f"{cluster.release}-demo-users",
                        "items": [{"key": "agent.token", "path": "agent.token"}],
                    },
                },
            ],
        },
    }
    return {"apiVersion": "v1", "kind": "List", "items": [script, pod]}
