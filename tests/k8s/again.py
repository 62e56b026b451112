"""Other ways to the same: without helm, twice in a namespace, and back to the revision before."""

import json
from typing import Any

from tests.k8s import journey, presets
from tests.k8s.cluster import Cluster
from tests.k8s.connections import connected
from tests.k8s.steps import Run, helm_test
from tests.support.gateway import Gateway

# Beside a release that is there already, on a node of two processors.
_SMALL = (
    "--set", "serviceDefaults.resources.requests.cpu=20m,backing.jobs.resources.requests.cpu=10m",
    "--set", ",".join(f"backing.{name}.resources.requests.cpu=40m" for name in ("mongod", "kafka", "keycloak")),
)  # fmt: skip


async def neighbors(at: Run) -> dict[str, Any]:
    """A second release in the same namespace: it comes up, both test themselves, and it goes without the first."""
    other = Run(
        Cluster(at.cluster.namespace, f"{at.cluster.release}-two", at.cluster.kubectl_program, at.cluster.helm_program),
        at.ports,
        at.folder,
    )
    await other.cluster.helm(
        "install", other.cluster.release, presets.CHART, *at.ports.values(), *_SMALL, "--wait", "--timeout", "15m", within=960
    )
    try:
        tested = {run.cluster.release: await helm_test(run) for run in (at, other)}
    finally:
        await _removed(other)
    await at.cluster.rolled_out(*await at.cluster.workloads())
    return {"tested": tested, "the_other_values": list(_SMALL)}


async def rollback(at: Run) -> dict[str, Any]:
    """Back by one revision: what the newer one wrote is there and can be written to."""
    if at.previous:
        await at.upgrade("--set", f"image.tag={at.previous}")
        await at.upgrade()
    title = "by the newer"
    async with connected(at.cluster, at.ports) as stack, Gateway(stack["gateway"], stack["users"]["agent"]["token"]) as agent:
        written = await agent.post("incidents", {"title": title})
    (*_, before, newer) = json.loads(await at.cluster.helm("history", at.cluster.release, "--output", "json"))
    await at.cluster.helm(
        "rollback", at.cluster.release, str(before["revision"]), "--wait", "--timeout", "15m", within=960
    )  # fmt: skip
    await at.settled()
    images = {container["image"] for pod in await at.cluster.pods("incident") for container in pod["spec"]["containers"]}
    async with connected(at.cluster, at.ports) as stack, Gateway(stack["gateway"], stack["users"]["agent"]["token"]) as agent:
        read = await agent.get(f"incidents/{written['number']}")
        answer = await agent.send("PATCH", f"incidents/{written['id']}", {"title": "by both"}, if_match=f'"{read["etag"]}"')
        took = await journey.travel(stack)
    outcome = {
        "from_revision": newer["revision"],
        "to_revision": before["revision"],
        "images": sorted(images),
        "story": took,
    }
    if (read["id"], read["title"]) != (written["id"], title) or answer.is_error:
        raise AssertionError(json.dumps(outcome | {"read": read, "write": answer.text[:500]}))
    if at.previous:
        await at.upgrade()
    return outcome


async def applied(at: Run) -> dict[str, Any]:
    """What helm renders, given to `kubectl apply --server-side` without any hook, comes up and does its work."""
    await at.emptied()
    known = ("--kube-version", await at.cluster.version())
    rendered = await at.cluster.helm("template", at.cluster.release, presets.CHART, "--no-hooks", *known, *at.ports.values())
    manifests = ("--filename", "-")
    try:
        await at.cluster.kubectl("apply", "--server-side", *manifests, given=rendered, within=180)
        await at.cluster.rolled_out(*await at.cluster.workloads())
        async with connected(at.cluster, at.ports) as stack:
            took = await journey.travel(stack)
    finally:
        await at.cluster.kubectl("delete", "--ignore-not-found", "--wait=true", *manifests, given=rendered, within=300)
    return {"objects": rendered.count("\nkind: "), "story": took}


async def _removed(at: Run) -> None:
    cluster = at.cluster
    await cluster.helm("uninstall", cluster.release, "--wait", "--timeout", "5m", within=360)
    await cluster.kubectl(
        "delete", "jobs,pods", "--selector", f"app.kubernetes.io/instance={cluster.release}", "--wait=true", within=180
    )
    await at.emptied()
