"""Where no collector of spans is named, nobody looks for one; where one is named, every process does.

Looked at from inside of the pods: at the ports that every library of OpenTelemetry takes when it is told nothing, somebody
listens, and all connections that the process makes or tries to make meanwhile are noted. Those of others do not count: whoever
forwards a port comes from within the pod too.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from chassis.peers import SERVICES
from tests.k8s import journey
from tests.k8s.connections import connected
from tests.k8s.steps import Run

_PORTS = (4317, 4318)
_LISTENED = 45.0  # seconds; spans are sent each second
_ON = (
    "--set", "telemetry.enabled=true,telemetry.ratio=1",
    "--set-string", f"telemetry.otlpEndpoint=http://127.0.0.1:{_PORTS[0]}",
)  # fmt: skip
# The monitor has its own door at one of the ports; there its connections tell.
_LISTENER = """
import json, os, selectors, socket, sys, time
from contextlib import suppress
from pathlib import Path
ports, ends = [int(port) for port in sys.argv[3:]], time.monotonic() + float(sys.argv[1])
process = Path("/proc", sys.argv[2], "fd")

def sockets():
    for name in os.listdir(process):
        with suppress(FileNotFoundError):  # closed meanwhile
            target = os.readlink(process / name)
            if target.startswith("socket:["):
                yield target[8:-1]

selector, heard, occupied, asked = selectors.DefaultSelector(), 0, set(), set()
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    for port in ports:
        try:
            listener = socket.socket(family)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
        except OSError:
            occupied.add(f"{host} {port}")
            continue
        listener.listen()
        selector.register(listener, selectors.EVENT_READ)
while time.monotonic() < ends:
    for key, _ in selector.select(0.5):
        key.fileobj.accept()[0].close()
        heard += 1
    entries = [line.split() for table in ("tcp", "tcp6") for line in Path("/proc/net", table).read_text().splitlines()[1:]]
    doors, held = {entry[1].rpartition(":")[2] for entry in entries if entry[3] == "0A"}, set(sockets())
    # Of what was begun here, whatever came of it.
    begun = [entry for entry in entries if entry[9] in held and entry[1].rpartition(":")[2] not in doors]
    asked |= {int(entry[2].rpartition(":")[2], 16) for entry in begun}
print(json.dumps({"heard": heard, "asked": sorted(asked), "occupied": sorted(occupied)}))
"""


async def collector(at: Run) -> dict[str, Any]:
    """With spans switched off no process tries to reach a collector; switched on, each is seen to try."""
    await at.upgrade()
    off = await _listened(at)
    await at.upgrade(*_ON)
    on = await _listened(at)
    await at.upgrade()
    outcome = {
        "seconds_listened": _LISTENED,
        "pods": len(off),
        "attempts_when_off": {pod: told for pod, told in off.items() if tried(told)},
        "ports_asked_when_off": sorted({port for told in off.values() for port in told["asked"]}),
        "services_that_try_when_on": sorted(
            name for name in SERVICES if any(tried(told) for pod, told in on.items() if f"-{name}-" in pod)
        ),
    }
    if outcome["attempts_when_off"] or outcome["services_that_try_when_on"] != sorted(SERVICES) or not off:
        raise AssertionError(json.dumps(outcome | {"on": on}))
    return outcome


def tried(told: Mapping[str, Any]) -> bool:
    """Whether a pod has knocked at a collector."""
    return bool(told["heard"] or set(_PORTS) & set(told["asked"]))


async def _listened(at: Run) -> dict[str, dict[str, Any]]:
    """What each pod of ours did while the story was told."""
    pods = [pod["metadata"]["name"] for name in SERVICES for pod in await at.cluster.pods(name)]
    # The process of a container is its first.
    listener = ("--", "python", "-c", _LISTENER, str(_LISTENED), "1", *map(str, _PORTS))
    async with connected(at.cluster, at.ports) as stack, asyncio.TaskGroup() as group:
        tasks = {pod: group.create_task(at.cluster.kubectl("exec", pod, *listener, within=_LISTENED + 120)) for pod in pods}
        await asyncio.sleep(5)
        for _ in range(3):
            await journey.travel(stack)
    return {pod: json.loads(task.result()) for pod, task in tasks.items()}
