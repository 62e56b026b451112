"""What pods do while others are away: everything below them, the broker alone, and themselves at the signal to stop."""

import asyncio
import json
import time
from typing import Any

import httpx

from chassis.peers import SERVICES
from tests.k8s.cluster import Cluster
from tests.k8s.connections import connected
from tests.k8s.load import loaded
from tests.k8s.steps import Run
from tests.support.gateway import Gateway

_BACKING = ("mongod", "kafka", "keycloak")
_NOT_READY_WITHIN = 15.0  # seconds after the database has gone
_LOOKED_AT = 45.0
_HEALED_WITHIN = 180.0
_MARK = "itsm.test/kept"
# Runs in a pod of a service that reads incidents' events: all records of the topic since a time, as that pod signs in.
_READER = """
import asyncio, json, sys
from chassis.events.kafka import new_consumer
from chassis.settings import Settings

async def main(topic, since):
    kafka = new_consumer(Settings.load(), None)
    kafka.subscribe([topic])
    await kafka.start()
    places = list(kafka.assignment())
    ends = await kafka.end_offsets(places)
    begins = await kafka.offsets_for_times(dict.fromkeys(places, since))
    for place in places:
        kafka.seek(place, begins[place].offset if begins[place] else ends[place])
    found = []
    while any([await kafka.position(place) < ends[place] for place in places]):
        for records in (await kafka.getmany(timeout_ms=1000)).values():
            for record in records:
                headers = dict(record.headers)
                found.append([headers["ce_subject"].decode(), int(headers["ce_itsmversion"])])
    await kafka.stop()
    print(json.dumps(found))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def all_away(at: Run) -> dict[str, Any]:
    """Without database, broker and realm every process lives on and is not ready; all of it heals by itself."""
    sets = [f"statefulset/{at.cluster.release}-{name}" for name in _BACKING]
    pods = {name: (await at.cluster.pods(name))[0] for name in SERVICES}
    not_ready: dict[str, float] = {}
    healed: dict[str, float] = {}
    dead: set[str] = set()
    async with at.cluster.api() as api:
        await at.cluster.kubectl("scale", *sets, "--replicas=0")
        try:
            await _gone(at.cluster, *_BACKING)
            begun = time.monotonic()
            while (past := time.monotonic() - begun) < _LOOKED_AT:
                for name, (alive, ready) in (await _health(api, pods)).items():
                    if alive != httpx.codes.OK:
                        dead.add(f"{name}: {alive} after {past:.0f} s")
                    if ready == httpx.codes.SERVICE_UNAVAILABLE:
                        not_ready.setdefault(name, round(past, 1))
                await asyncio.sleep(2)
        finally:
            await at.cluster.kubectl("scale", *sets, "--replicas=1")
        await at.cluster.rolled_out(*sets)
        begun = time.monotonic()
        while len(healed) < len(pods) and time.monotonic() - begun < _HEALED_WITHIN:
            for name, (_, ready) in (await _health(api, pods)).items():
                if ready == httpx.codes.OK:
                    healed.setdefault(name, round(time.monotonic() - begun, 1))
            await asyncio.sleep(1)
    await at.cluster.rolled_out(*await at.cluster.workloads())
    after = {name: (await at.cluster.pods(name))[0] for name in SERVICES}
    same = all(_started(pods[name]) == _started(after[name]) for name in SERVICES)
    outcome = {
        "looked_at_seconds": _LOOKED_AT,
        "not_alive": sorted(dead),
        "seconds_until_not_ready": not_ready,
        "seconds_from_backing_until_ready_again": healed,
        "restarted": not same,
    }
    late = [name for name in SERVICES if not_ready.get(name, _LOOKED_AT) > _NOT_READY_WITHIN]
    if dead or late or set(healed) != set(SERVICES) or not same:
        raise AssertionError(json.dumps(outcome))
    return outcome


async def broker_away(at: Run) -> dict[str, Any]:
    """Without the broker every write works and nobody is unready; later each event is there, those of a key in their order."""
    kafka = f"statefulset/{at.cluster.release}-kafka"
    since = round((time.time() - 1) * 1000)
    versions: dict[str, int] = {}
    async with (
        connected(at.cluster, at.ports) as stack,
        Gateway(stack["gateway"], stack["users"]["agent"]["token"]) as agent,
        at.cluster.api() as api,
    ):
        pods = {name: (await at.cluster.pods(name))[0] for name in SERVICES}
        unready: set[str] = set()
        await at.cluster.kubectl("scale", kafka, "--replicas=0")
        try:
            await _gone(at.cluster, "kafka")
            begun = time.monotonic()
            while time.monotonic() - begun < at.away:
                opened = await agent.post("incidents", {"title": f"without a broker {len(versions)}"})
                path = f"incidents/{opened['id']}"
                for text in ("first", "second"):
                    answer = await agent.send("PATCH", path, {"title": text}, if_match=f'"{opened["etag"]}"')
                    answer.raise_for_status()
                    opened = answer.json()
                versions[path] = 3
                unready |= {name for name, (_, ready) in (await _health(api, pods)).items() if ready != httpx.codes.OK}
                await asyncio.sleep(0.5)
        finally:
            await at.cluster.kubectl("scale", kafka, "--replicas=1")
        await at.cluster.rolled_out(kafka)
        begun = time.monotonic()
        while True:
            told = await _events(at.cluster, since)
            missing = [path for path, last in versions.items() if not set(range(1, last + 1)) <= set(told.get(path, ()))]
            if not missing or time.monotonic() - begun > _HEALED_WITHIN:
                break
            await asyncio.sleep(2)
    await at.cluster.rolled_out(*await at.cluster.workloads())
    unordered = [path for path in versions if not _in_order(told.get(path, []))]
    outcome = {
        "seconds_away": at.away,
        "writes": 3 * len(versions),
        "refused": 0,
        "not_ready": sorted(unready),
        "events": sum(len(told.get(path, ())) for path in versions),
        "seconds_until_all_were_told": round(time.monotonic() - begun, 1),
        "never_told": missing,
        "out_of_order": unordered,
    }
    if missing or unordered or unready:
        raise AssertionError(json.dumps(outcome))
    return outcome


async def signals(at: Run) -> dict[str, Any]:
    """One pod of each component is told to stop, under load: it ends by itself with 0, and nobody notices.

    A finalizer keeps what is left of the pod until its end has been read.
    """
    ended: dict[str, dict[str, float]] = {}
    async with loaded(at.cluster, at.gateway, rate=at.rate / 2, seconds=60) as load:
        for component in SERVICES:
            pod = (await at.cluster.pods(component))[0]
            name, grace = pod["metadata"]["name"], pod["spec"]["terminationGracePeriodSeconds"]
            await _kept(at.cluster, name, [_MARK])
            try:
                begun = time.monotonic()
                await at.cluster.kubectl("delete", "pod", name, "--wait=false")
                code = await _exit_code(at.cluster, name, grace + 30)
                ended[component] = {"code": code, "seconds": round(time.monotonic() - begun, 1), "allowed": grace}
            finally:
                await _kept(at.cluster, name, [])
            await at.cluster.rolled_out(f"deployment/{at.cluster.release}-{component}")
    outcome = {"ended": ended, **load.summary}
    in_time = all(end["code"] == 0 and end["seconds"] < end["allowed"] for end in ended.values())
    if not in_time or load.summary["errors"] or load.summary["lost"]:
        raise AssertionError(json.dumps(outcome))
    return outcome


async def _kept(cluster: Cluster, pod: str, marks: list[str]) -> None:
    await cluster.kubectl("patch", "pod", pod, "--type=merge", "--patch", json.dumps({"metadata": {"finalizers": marks}}))


async def _exit_code(cluster: Cluster, pod: str, within: float) -> int:
    path = "{.status.containerStatuses[0].state.terminated.exitCode}"
    async with asyncio.timeout(within):
        while not (code := await cluster.kubectl("get", "pod", pod, "--output", f"jsonpath={path}")):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    return int(code)


async def _health(api: httpx.AsyncClient, pods: dict[str, dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """What each says of its life and of its readiness, 0 where it says nothing."""

    async def asked(pod: str, path: str) -> int:
        try:
            return (await api.get(f"pods/{pod}:8081/proxy/{path}")).status_code
        except httpx.TransportError:
            return 0

    names = {name: pod["metadata"]["name"] for name, pod in pods.items()}
    answers = await asyncio.gather(*(asked(pod, path) for pod in names.values() for path in ("livez", "readyz")))
    return {name: (answers[2 * place], answers[2 * place + 1]) for place, name in enumerate(names)}


async def _gone(cluster: Cluster, *components: str) -> None:
    selector = f"app.kubernetes.io/instance={cluster.release},app.kubernetes.io/component in ({','.join(components)})"
    async with asyncio.timeout(120):
        while await cluster.get("pods", "--selector", selector):  # noqa: ASYNC110 - the cluster is asked
            await asyncio.sleep(0.5)


async def _events(cluster: Cluster, since: int) -> dict[str, list[int]]:
    """The versions of each incident that its topic tells, in the order of the topic."""
    reader = f"deployment/{cluster.release}-analytics"
    text = await cluster.kubectl("exec", reader, "--", "python", "-c", _READER, "itsm.incident.v1", str(since), within=180)
    told: dict[str, list[int]] = {}
    for subject, version in json.loads(text.splitlines()[-1]):
        told.setdefault(subject, []).append(version)
    return told


def _in_order(versions: list[int]) -> bool:
    """Each version for the first time after the one before it; a repetition is no disorder."""
    first = list(dict.fromkeys(versions))
    return first == sorted(first)


def _started(pod: dict[str, Any]) -> tuple[str, int]:
    return pod["metadata"]["uid"], sum(status["restartCount"] for status in pod["status"]["containerStatuses"])
