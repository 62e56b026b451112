"""Half an hour in which nobody asks anything: what connections, memory, processors and logs do meanwhile.

Only what the processes themselves did is judged, never how long something took: others may use the machine.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from chassis.peers import SERVICES
from tests.k8s.cluster import Cluster
from tests.k8s.connections import connected
from tests.k8s.logs import lines
from tests.k8s.steps import Run, restarts
from tests.support.gateway import Gateway

_PINGS = re.compile(r"too_many_pings|ENHANCE_YOUR_CALM", re.IGNORECASE)
# Else callers would look for other replicas, and no connection would be idle for long.
_STILL = ("--set-string", "serviceDefaults.settings.ITSM_CONNECTION_AGE_SECONDS=86400")
_SETTLING = 20.0  # seconds after a start
_MOST_GROWTH = 32 << 20  # bytes of memory of a process
_MOST_PROCESSOR = 0.15  # of one, on an average
_SEVERE = frozenset({"ERROR", "CRITICAL"})
# The connections to other services' calls of the pod it runs in, by local address and port and remote address.
_CONNECTIONS = """
import json
from pathlib import Path
found = []
for table in ("tcp", "tcp6"):
    for line in Path("/proc/net", table).read_text().splitlines()[1:]:
        _, local, remote, state = line.split()[:4]
        if state == "01" and int(remote.rpartition(":")[2], 16) == 50051:
            found.append(f"{local} {remote}")
print(json.dumps(found))
"""


async def silence(at: Run) -> dict[str, Any]:
    """Connections on which nobody calls are kept by pings that no side finds too many, and carry the first call after that."""
    await at.upgrade(*_STILL)
    async with connected(at.cluster, at.ports) as stack, Gateway(stack["gateway"], stack["users"]["admin"]["token"]) as admin:
        await _asked(admin)
    await asyncio.sleep(_SETTLING)
    since = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    selector = f"app.kubernetes.io/instance={at.cluster.release}"
    restarted = restarts(await at.cluster.get("pods", "--selector", selector))
    before, held = await used(at.cluster), await _connections(at.cluster)
    await asyncio.sleep(at.idle)
    after, kept = await used(at.cluster), await _connections(at.cluster)
    complaints, levels, severe = [], Counter[str](), []
    for name in SERVICES:
        for line in await lines(at.cluster, name, since):
            levels[json.loads(line)["level"]] += 1
            if _PINGS.search(line):
                complaints.append(f"{name}: {line[:200]}")
            if json.loads(line)["level"] in _SEVERE:
                severe.append(f"{name}: {line[:300]}")
    async with connected(at.cluster, at.ports) as stack, Gateway(stack["gateway"], stack["users"]["admin"]["token"]) as admin:
        answers = await _asked(admin)
    again = restarts(await at.cluster.get("pods", "--selector", selector))
    growth = {pod: round((after[pod][0] - before[pod][0]) / (1 << 20), 1) for pod in before if pod in after}
    processor = {pod: round((after[pod][1] - before[pod][1]) / at.idle, 4) for pod in before if pod in after}
    outcome = {
        "seconds_idle": at.idle,
        "complaints": complaints,
        "connections_between_services": len(held),
        "of_them_the_same_after": len(set(held) & set(kept)),
        "restarts": {pod: count for pod, count in again.items() if count != restarted.get(pod, 0)},
        "memory_mib": {pod: round(after[pod][0] / (1 << 20), 1) for pod in after},
        "memory_growth_mib": growth,
        "share_of_a_processor": processor,
        "lines": dict(levels),
        "severe": severe[:5],
        "first_answers": answers,
    }
    same = set(before) == set(after) and not outcome["restarts"]
    modest = all(mib * (1 << 20) <= _MOST_GROWTH for mib in growth.values()) and max(processor.values()) <= _MOST_PROCESSOR
    failed = any(status >= httpx.codes.INTERNAL_SERVER_ERROR for status in answers.values())
    if complaints or severe or failed or not (same and modest and set(held) & set(kept)):
        raise AssertionError(json.dumps(outcome))
    return outcome


async def used(cluster: Cluster) -> dict[str, tuple[float, float]]:
    """Bytes of memory and seconds of a processor that each pod of ours says that it takes, and has taken."""
    found = {}
    async with cluster.api() as api:
        for name in SERVICES:
            for pod in await cluster.pods(name):
                text = (await api.get(f"pods/{pod['metadata']['name']}:8081/proxy/metrics")).raise_for_status().text
                found[pod["metadata"]["name"]] = _own(text)
    return found


def _own(text: str) -> tuple[float, float]:
    values: Mapping[str, float] = {
        name: float(value)
        for name, _, value in (line.partition(" ") for line in text.splitlines())
        if name in {"process_resident_memory_bytes", "process_cpu_seconds_total"}
    }
    return values["process_resident_memory_bytes"], values["process_cpu_seconds_total"]


async def _connections(cluster: Cluster) -> list[str]:
    """Of all pods of ours, each with the name of the pod."""
    found = []
    for name in SERVICES:
        for pod in await cluster.pods(name):
            own = pod["metadata"]["name"]
            text = await cluster.kubectl("exec", own, "--", "python", "-c", _CONNECTIONS)
            found += [f"{own} {connection}" for connection in json.loads(text)]
    return found


async def _asked(admin: Gateway) -> dict[str, int]:
    answers = {}
    for path in ("incidents", "assets", "alerts", "tokens", "auditEntries"):
        answers[path] = (await admin.send("GET", path)).status_code
    return answers
