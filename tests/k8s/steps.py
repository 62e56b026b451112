"""The steps of a run, in their order. Each returns what the report has of it, and fails with what went wrong."""

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chassis.peers import SERVICES
from stack.options import ROOT
from tests.k8s import journey, presets, stranger
from tests.k8s.cluster import Cluster, Refused, run
from tests.k8s.connections import Ports, connected
from tests.k8s.load import loaded
from tests.support.gateway import Gateway

# Of the tests of the whole stack those that need nothing but its doors.
SUITE = ("test_story.py", "test_sign_in.py", "test_assets.py", "test_alerts.py", "test_impact.py")
LEFT_OUT = "not keycloak_is_away and not report_to_resolution"
_KILLED = ("asset", "incident", "monitor", "auth", "analytics", "gateway", "mongod", "kafka", "keycloak")
# Two replicas of all, small enough for a node of two processors; connections that end soon, so that added replicas are found
# while somebody watches; the pod that makes load may come in.
_WIDE = (
    "--set", "serviceDefaults.replicas=2",
    "--set", "serviceDefaults.resources.requests.cpu=50m",
    "--set-string", "serviceDefaults.settings.ITSM_CONNECTION_AGE_SECONDS=30",
    "--set-json", 'networkPolicy.ingressFrom=[{"podSelector":{"matchLabels":{"itsm-e2e":"load"}}}]',
)  # fmt: skip
# As on a cluster that gives every namespace its own range of users.
_FOREIGN = 1_000_650_000
_FINALIZED_WITHIN = 60.0  # seconds
_CONNECTION_AGE = 60.0  # seconds after which every client has looked up addresses anew


@dataclass(slots=True)
class Run:
    """What the steps share."""

    cluster: Cluster
    ports: Ports
    folder: Path
    rate: float = 20
    seconds: float = 120
    away: float = 60
    idle: float = 180
    previous: str = ""

    @property
    def gateway(self) -> str:
        """Where pods reach the gateway."""
        return f"http://{self.cluster.release}-gateway:8080"

    async def upgrade(self, *arguments: str) -> None:
        """The release with two replicas of all and further values, waited for."""
        values = (*self.ports.values(), *_WIDE, *arguments)
        await self.cluster.helm(
            "upgrade", self.cluster.release, presets.CHART, *values, "--wait", "--timeout", "15m", within=960
        )
        await self.settled()

    async def emptied(self) -> None:
        """Takes away what a release leaves: volumes and the Secrets that belong to them."""
        selector = f"app.kubernetes.io/instance={self.cluster.release}"
        await self.cluster.kubectl("delete", "persistentvolumeclaims,secrets", "--selector", selector, within=180)

    async def settled(self) -> None:
        """Waits until no pod is about to go: helm waits for those that come."""
        selector = f"app.kubernetes.io/instance={self.cluster.release}"
        async with asyncio.timeout(180):
            while any(  # noqa: ASYNC110 - the cluster is asked
                "deletionTimestamp" in pod["metadata"] for pod in await self.cluster.get("pods", "--selector", selector)
            ):
                await asyncio.sleep(1)


async def facts(at: Run) -> dict[str, Any]:
    """Versions, and the node that all of this runs on."""
    versions = json.loads(await at.cluster.kubectl("version", "--output", "json"))
    (node, *others) = json.loads(await at.cluster.kubectl("get", "nodes", "--output", "json"))["items"]
    return {
        "kubernetes": versions["serverVersion"]["gitVersion"],
        "helm": (await at.cluster.helm("version", "--short")).strip(),
        "nodes": 1 + len(others),
        "node": {name: node["status"]["capacity"][name] for name in ("cpu", "memory")},
        "revision": (await run("git", "rev-parse", "--short", "HEAD")).strip() if (ROOT / ".git").exists() else "",
        "load_average": os.getloadavg()[0],
    }


async def dry_run(at: Run) -> dict[str, Any]:
    """Every preset, strictly validated by the API server."""
    version = await at.cluster.version()
    definitions = await presets.define(at.cluster)
    return {"presets": await presets.check(at.cluster, version), "definitions": definitions}


async def install(at: Run) -> dict[str, Any]:
    """A bare installation, waited for, on a namespace that enforces `restricted`."""
    values = at.ports.values()
    await at.cluster.helm(
        "install", at.cluster.release, presets.CHART, *values, "--wait", "--atomic", "--timeout", "15m", within=960
    )
    pods = await at.cluster.get("pods", "--selector", f"app.kubernetes.io/instance={at.cluster.release}")
    return {"values": values, "pods": len(pods), "restarts": restarts(pods), "cpu_requests_m": _requests(pods)}


async def helm_test(at: Run) -> dict[str, Any]:
    """What the chart brings to test itself."""
    output = await at.cluster.helm("test", at.cluster.release, "--timeout", "10m", within=660)
    return {"phases": [line.split()[-1] for line in output.splitlines() if line.startswith("Phase:")]}


async def story(at: Run) -> dict[str, Any]:
    """Sign-in, incident, live event, agent's key, alert to incident, audit; through port-forwards."""
    async with connected(at.cluster, at.ports) as stack:
        return {"took": await journey.travel(stack)}


async def suite(at: Run) -> dict[str, Any]:
    """The tests of the whole stack that need nothing but its doors."""
    async with connected(at.cluster, at.ports) as stack:
        described = at.folder / "stack.json"
        described.touch(mode=0o600)
        described.write_text(json.dumps(stack))
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "pytest", *(f"tests/e2e/{name}" for name in SUITE), "-k", LEFT_OUT, "--timeout", "300",
            cwd=ROOT, env={**os.environ, "ITSM_TEST_STACK": str(described)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output = (await child.communicate())[0].decode(errors="replace")
        described.unlink()
    (at.folder / "suite.log").write_text(output)
    summary = output.splitlines()[-1] if output else ""
    if child.returncode != 0:
        failed = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
        raise AssertionError(f"{summary}: {'; '.join(failed)[:1500]}")
    return {"files": SUITE, "left_out": LEFT_OUT, "summary": summary}


async def network(at: Run) -> dict[str, Any]:
    """Nobody but the release, and whom its values name, reaches anything of it from inside the cluster."""
    name = at.cluster.release
    walls = [f"{name}-gateway:8080", f"{name}-monitor:8080"]
    walls += [f"{name}-{service}-headless:50051" for service in SERVICES if service != "gateway"]
    walls += [f"{name}-{service}:8081" for service in SERVICES]
    walls += [f"{name}-mongod:27017", f"{name}-kafka:9092", f"{name}-keycloak:8080"]
    # Without a door that is open, a stranger who reaches nothing may as well have no network.
    door = "kubernetes.default.svc:443"
    answers = await stranger.tried(at.cluster, [*walls, door])
    if answers != {**dict.fromkeys(walls, False), door: True}:
        raise AssertionError(json.dumps(answers))
    return {"closed": walls, "open": door}


async def outages(at: Run) -> dict[str, Any]:
    """Without a database a service is alive and not ready; with it, ready again, by itself."""
    mongod = f"statefulset/{at.cluster.release}-mongod"
    (pod, *_) = await at.cluster.pods("incident")
    before = await _health(at.cluster, pod)
    await at.cluster.kubectl("scale", mongod, "--replicas=0")
    begun = time.monotonic()
    try:
        not_ready = await _until(at.cluster, pod, ready=False, begun=begun)
        during = await _health(at.cluster, pod)
    finally:
        await at.cluster.kubectl("scale", mongod, "--replicas=1")
        begun = time.monotonic()
    again = await _until(at.cluster, pod, ready=True, begun=begun)
    outcome = {"before": before, "during": during, "seconds_until_not_ready": not_ready, "seconds_until_ready_again": again}
    if not (before["livez"] and before["readyz"] and during["livez"]) or during["readyz"]:
        raise AssertionError(json.dumps(outcome))
    await at.cluster.rolled_out(mongod, *await at.cluster.workloads())
    return outcome


async def kills(at: Run) -> dict[str, Any]:
    """Every pod is killed once, without notice; the story is told again when it is back."""
    outcome = {}
    async with connected(at.cluster, at.ports) as stack, Gateway(stack["gateway"], stack["users"]["agent"]["token"]) as agent:
        kept = await agent.post("incidents", {"title": "from before the kills"})
    for component in _KILLED:
        (pod, *_) = await at.cluster.pods(component)
        begun = time.monotonic()
        await at.cluster.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
        kind = "statefulset" if component in ("mongod", "kafka", "keycloak") else "deployment"
        await at.cluster.rolled_out(f"{kind}/{at.cluster.release}-{component}")
        outcome[component] = round(time.monotonic() - begun, 1)
    await at.cluster.rolled_out(*await at.cluster.workloads())
    async with connected(at.cluster, at.ports) as stack, Gateway(stack["gateway"], stack["users"]["agent"]["token"]) as agent:
        assert (await agent.get(f"incidents/{kept['number']}"))["id"] == kept["id"], "what was stored is lost"
        return {"seconds_until_ready": outcome, "story": await journey.travel(stack)}


async def replicas(at: Run) -> dict[str, Any]:
    """Two of everything of ours."""
    await at.upgrade()
    budgets = await at.cluster.get("poddisruptionbudgets")
    return {"budgets": len(budgets), "pods": {name: len(await at.cluster.pods(name)) for name in SERVICES}}


async def rolling_upgrade(at: Run) -> dict[str, Any]:
    """All pods of ours are replaced under load; nobody notices."""
    before = {pod["metadata"]["uid"] for name in SERVICES for pod in await at.cluster.pods(name)}
    async with loaded(at.cluster, at.gateway, rate=at.rate, seconds=at.seconds) as load:
        begun = time.monotonic()
        await at.upgrade("--set", "serviceDefaults.podAnnotations.rolled=once")
        took = time.monotonic() - begun
    after = {pod["metadata"]["uid"] for name in SERVICES for pod in await at.cluster.pods(name)}
    outcome = {"rate": at.rate, "upgrade_seconds": round(took, 1), "pods_left_of_before": len(before & after), **load.summary}
    if load.summary["errors"] or load.summary["lost"] or before & after:
        raise AssertionError(json.dumps(outcome))
    return outcome


async def scale(at: Run) -> dict[str, Any]:
    """One service from one replica to three under load: each takes its share; then one of the three is killed."""
    name = f"deployment/{at.cluster.release}-asset"
    await at.cluster.kubectl("scale", name, "--replicas=1")
    await at.cluster.rolled_out(name)
    await at.settled()
    async with loaded(at.cluster, at.gateway, rate=at.rate, seconds=_CONNECTION_AGE + 90) as load:
        await at.cluster.kubectl("scale", name, "--replicas=3")
        await at.cluster.rolled_out(name)
        await asyncio.sleep(_CONNECTION_AGE)
        before = await _served(at.cluster, "asset")
        await asyncio.sleep(45)
        after = await _served(at.cluster, "asset")
        (pod, *_) = await at.cluster.pods("asset")
        await at.cluster.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
        await at.cluster.rolled_out(name)
    calls = {replica: count - before.get(replica, 0) for replica, count in after.items()}
    shares = {replica: round(count / max(1, sum(calls.values())), 2) for replica, count in calls.items()}
    outcome = {"shares_of_calls": shares, "killed_under_load": pod["metadata"]["name"], **load.summary}
    if load.summary["errors"] or load.summary["lost"] or not all(0.2 <= share <= 0.45 for share in shares.values()):
        raise AssertionError(json.dumps(outcome))
    return outcome


async def eviction(at: Run) -> dict[str, Any]:
    """What a drain does, as far as one node allows: a pod is evicted by the budget's leave, and a second one has to wait."""
    outcome = {}
    pods = await at.cluster.pods("gateway")
    for pod in pods[:2]:
        name = pod["metadata"]["name"]
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": at.cluster.namespace}}
        address = f"/api/v1/namespaces/{at.cluster.namespace}/pods/{name}/eviction"
        try:
            await at.cluster.kubectl("create", "--raw", address, "--filename", "-", given=json.dumps(body))
            outcome[name] = "evicted"
        except Refused as refusal:
            outcome[name] = "has to wait" if "disruption budget" in str(refusal) else str(refusal)
    await at.cluster.rolled_out(f"deployment/{at.cluster.release}-gateway")
    if list(outcome.values()) != ["evicted", "has to wait"]:
        raise AssertionError(json.dumps(outcome))
    return outcome


async def uninstall(at: Run) -> dict[str, Any]:
    """Only what is documented stays: volumes, the Secrets that belong to them, and until it is deleted the pod of the test."""
    await at.cluster.helm("uninstall", at.cluster.release, "--wait", "--timeout", "5m", within=360)
    selector = f"app.kubernetes.io/instance={at.cluster.release}"
    tests = f"{selector},app.kubernetes.io/component=test"
    kinds = (
        "deployments,statefulsets,jobs,pods,services,configmaps,networkpolicies,poddisruptionbudgets,horizontalpodautoscalers,"
        "roles,rolebindings,serviceaccounts,pvc,secrets"
    )
    # As NOTES say: the pod of the test outlives the release.
    kept = [pod["metadata"]["name"] for pod in await at.cluster.get("pods", "--selector", tests)]
    await at.cluster.kubectl("delete", "pods", "--selector", tests, "--wait=true", within=180)
    begun = time.monotonic()
    while True:
        left: dict[str, list[str]] = {}
        for found in await at.cluster.get(kinds, "--selector", selector):
            left.setdefault(found["kind"], []).append(found["metadata"]["name"])
        more = set(left) - {"PersistentVolumeClaim", "Secret"}
        if not more or time.monotonic() - begun > _FINALIZED_WITHIN:
            break
        await asyncio.sleep(1)
    if more:
        raise AssertionError(f"more stayed than is documented: {left}")
    return {"left": left, "pods_of_tests": kept}


async def foreign_user(at: Run) -> dict[str, Any]:
    """On an empty namespace all of it runs as a user that no image knows, in the group 0."""
    await at.emptied()
    contexts = ("serviceDefaults.podSecurityContext", "backing.podSecurityContext")
    users = [f"{context}.{name}={_FOREIGN}" for context in contexts for name in ("runAsUser", "fsGroup")]
    values = ",".join([*users, *(f"{context}.runAsGroup=0" for context in contexts)])
    await at.cluster.helm(
        "install",
        at.cluster.release,
        presets.CHART,
        *at.ports.values(),
        "--set",
        values,
        "--wait",
        "--timeout",
        "15m",
        within=960,
    )
    tested = await helm_test(at)
    await at.cluster.helm("uninstall", at.cluster.release, "--wait", "--timeout", "5m", within=360)
    return {"user": _FOREIGN, **tested}


def restarts(pods: list[dict[str, Any]]) -> dict[str, int]:
    """Of the containers of each pod, where there are any."""
    counted = {
        pod["metadata"]["name"]: sum(status["restartCount"] for status in pod["status"].get("containerStatuses", ()))
        for pod in pods
    }
    return {name: count for name, count in counted.items() if count}


def _requests(pods: list[dict[str, Any]]) -> int:
    """Thousandths of a processor that the running pods ask for."""
    texts = [
        container["resources"]["requests"]["cpu"]
        for pod in pods
        if pod["status"]["phase"] == "Running"
        for container in pod["spec"]["containers"]
    ]
    return sum(int(text[:-1]) if text.endswith("m") else int(float(text) * 1000) for text in texts)


async def _health(cluster: Cluster, pod: dict[str, Any]) -> dict[str, bool]:
    """What a pod says of itself."""
    result = {}
    for path in ("livez", "readyz"):
        address = f"/api/v1/namespaces/{cluster.namespace}/pods/{pod['metadata']['name']}:8081/proxy/{path}"
        try:
            await cluster.kubectl("get", "--raw", address, within=30)
            result[path] = True
        except Refused:
            result[path] = False
    return result


async def _until(cluster: Cluster, pod: dict[str, Any], *, ready: bool, begun: float) -> float:
    """Seconds from `begun` until the pod says that it is ready, or is not."""
    async with asyncio.timeout(180):
        while (await _health(cluster, pod))["readyz"] != ready:  # noqa: ASYNC110 - the pod tells nobody
            await asyncio.sleep(1)
    return round(time.monotonic() - begun, 1)


async def _served(cluster: Cluster, component: str) -> dict[str, int]:
    """Calls that each replica has answered, by its own count."""
    outcome = {}
    for pod in await cluster.pods(component):
        name = pod["metadata"]["name"]
        address = f"/api/v1/namespaces/{cluster.namespace}/pods/{name}:8081/proxy/metrics"
        text = await cluster.kubectl("get", "--raw", address)
        lines = [line for line in text.splitlines() if line.startswith("itsm_grpc_server_duration_seconds_count")]
        outcome[name] = int(sum(float(line.rpartition(" ")[2]) for line in lines))
    return outcome
