"""What a pod that is not of the release can reach."""

import asyncio
import json
from typing import Any

from tests.k8s.cluster import Cluster, Refused

_NAME = "itsm-stranger"
_SCRIPT = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor

def reached(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True

with ThreadPoolExecutor(32) as several:
    print(json.dumps(dict(zip(sys.argv[1:], several.map(reached, sys.argv[1:])))))
"""


async def tried(cluster: Cluster, addresses: list[str]) -> dict[str, bool]:
    """Whether a connection to each address (`host:port`) comes about."""
    image = (await cluster.pods("gateway"))[0]["spec"]["containers"][0]["image"]
    await cluster.kubectl("delete", "pod", _NAME, "--ignore-not-found", "--wait=true")
    await cluster.kubectl("create", "--filename", "-", given=json.dumps(_pod(image, addresses)))
    try:
        async with asyncio.timeout(180):
            while True:
                phase = await cluster.kubectl("get", "pod", _NAME, "--output", "jsonpath={.status.phase}")
                if phase in ("Succeeded", "Failed"):
                    break
                await asyncio.sleep(1)
        output = await cluster.kubectl("logs", _NAME)
        if phase == "Failed":
            raise Refused(f"the stranger failed: {output[-500:]}")
        answers: dict[str, bool] = json.loads(output.splitlines()[-1])
        return answers
    finally:
        await cluster.kubectl("delete", "pod", _NAME, "--ignore-not-found", "--wait=false")


def _pod(image: str, addresses: list[str]) -> dict[str, Any]:
    context = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "stranger",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        # The first moments of a pod may be open, until its network is known.
        "command": ["python", "-c", f"import time; time.sleep(3)\n{_SCRIPT}", *addresses],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": context,
    }
    security = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": security,
        "containers": [container],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": _NAME}, "spec": spec}
