"""Every preset of the chart against the real API server, strictly and without a change: unknown fields and pods that the
standard `restricted` refuses are failures. Definitions of other projects' objects come with their Go modules.

Fails with `Refused`.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from stack.options import ROOT
from tests.k8s.cluster import Cluster, Refused, run

CHART = "helm/itsm"
_DEFINITIONS = (
    ("sigs.k8s.io/gateway-api", "v1.6.3", "config/crd/standard/*_httproutes.yaml"),
    ("github.com/kedacore/keda/v2", "v2.21.0", "config/crd/bases/keda.sh_*.yaml"),
    ("github.com/cert-manager/cert-manager", "v1.21.2", "deploy/crds/cert-manager.io_*.yaml"),
    ("github.com/prometheus-operator/prometheus-operator", "v0.85.0", "example/prometheus-operator-crd/*_servicemonitors.yaml"),
    ("github.com/prometheus-operator/prometheus-operator", "v0.85.0", "example/prometheus-operator-crd/*_prometheusrules.yaml"),
)
_WITH_PODS = {"Deployment", "StatefulSet", "Job", "DaemonSet", "Pod"}


async def define(cluster: Cluster) -> dict[str, str]:
    """Makes the kinds of other projects known to the cluster; returns where each came from.

    Raises `Refused` when one is not to be had: a dry run without it would look at less and be as green.
    """
    outcome = {}
    for module, version, pattern in _DEFINITIONS:
        try:
            folder = json.loads(await run("go", "mod", "download", "-json", f"{module}@{version}", within=300))["Dir"]
        except (OSError, KeyError) as problem:
            raise Refused(f"definitions of {module}@{version} are not to be had: {problem!r}") from problem
        files = sorted(Path(folder).glob(pattern))
        if not files:
            raise Refused(f"{module}@{version} has no {pattern}")
        for file in files:
            await cluster.kubectl("apply", "--server-side", "--force-conflicts", "--filename", str(file))
            outcome[file.name] = f"{module}@{version}"
    return outcome


async def check(cluster: Cluster, version: str) -> dict[str, Any]:
    """What each preset makes: how many objects and pods were accepted, and which kinds the cluster does not know."""
    known = {line.split()[-1] for line in (await cluster.kubectl("api-resources", "--no-headers")).splitlines()}
    outcome = {}
    for preset in sorted((ROOT / CHART / "ci").glob("*.yaml")):
        rendered = await cluster.helm(
            "template", f"{cluster.release}-try", CHART, "--values", str(preset), "--kube-version", version, within=120
        )
        objects = [found for found in yaml.safe_load_all(rendered) if found]
        unknown = sorted({found["kind"] for found in objects} - known)
        taken = [found for found in objects if found["kind"] in known and _is_ours(found, cluster)]
        await _dry_run(cluster, [found for found in taken if found["kind"] != "Pod"])
        pods = [_pod_of(found) for found in taken if found["kind"] in _WITH_PODS]
        await _dry_run(cluster, pods)
        outcome[preset.name] = {"objects": len(taken), "pods": len(pods), "unknown_kinds": unknown}
    return outcome


def _is_ours(found: dict[str, Any], cluster: Cluster) -> bool:
    """Objects for other namespaces belong to operators that are not here."""
    return found["metadata"].get("namespace", cluster.namespace) == cluster.namespace


def _pod_of(found: dict[str, Any]) -> dict[str, Any]:
    """The pod itself: for what makes pods, admission only warns. Its account is not there yet, so the default one stands in."""
    template = found if found["kind"] == "Pod" else found["spec"]["template"]
    spec = {name: value for name, value in template["spec"].items() if name not in ("serviceAccountName", "serviceAccount")}
    # The claims of a StatefulSet become volumes when its pods are made.
    for claim in found["spec"].get("volumeClaimTemplates", ()):
        spec["volumes"] = [*spec.get("volumes", ()), {"name": claim["metadata"]["name"], "emptyDir": {}}]
    metadata = {"name": f"{found['metadata']['name']}-try", "labels": template["metadata"].get("labels", {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


async def _dry_run(cluster: Cluster, objects: list[dict[str, Any]]) -> None:
    everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    await cluster.kubectl("create", "--dry-run=server", "--validate=strict", "--filename", "-", given=everything, within=300)
