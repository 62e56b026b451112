"""Installs the chart on the cluster that KUBECONFIG names, tries it in every way of `STEPS`, and writes a report.

The images have to be on the nodes already (`make images ARGS="--load …"`). The namespace is made anew and deleted at the
end; one that no run has made, by its label, is refused.
The exit status is 0 when every step was as it should be; a step that fails does not keep the others from running, except
that nothing goes on without an installation.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stack.options import ROOT
from tests.k8s import again, away, collector, groups, logs, looks, mutual, silence, steps
from tests.k8s.cluster import Cluster, Refused
from tests.k8s.connections import Ports
from tests.k8s.steps import Run

STEPS: tuple[Callable[[Run], Awaitable[dict[str, Any]]], ...] = (
    steps.facts,
    steps.dry_run,
    steps.install,
    steps.helm_test,
    steps.story,
    steps.suite,
    steps.network,
    looks.outside,
    looks.shells,
    looks.strange_requests,
    steps.outages,
    away.all_away,
    again.neighbors,
    steps.kills,
    steps.replicas,
    steps.rolling_upgrade,
    away.signals,
    groups.settled,
    steps.eviction,
    again.rollback,
    steps.scale,
    mutual.mutual_tls,
    # What follows judges no time, so others may use the machine meanwhile.
    collector.collector,
    away.broker_away,
    logs.logs,
    silence.silence,
    steps.uninstall,
    again.applied,
    steps.foreign_user,
)
_NEEDED = {"install"}
# Of a namespace that a run made, and may delete.
_OURS = ("itsm-e2e", "made")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.k8s", description=__doc__)
    parser.add_argument("--namespace", default="itsm-e2e")
    parser.add_argument("--release", default="itsm")
    parser.add_argument("--kubectl", default="kubectl")
    parser.add_argument("--helm", default="helm")
    parser.add_argument("--rate", type=float, default=20, help="requests a second while pods are replaced")
    parser.add_argument("--seconds", type=float, default=120, help="length of a load")
    parser.add_argument("--away", type=float, default=60, help="seconds for which the broker is away")
    parser.add_argument("--idle", type=float, default=180, help="seconds for which nobody asks anything")
    parser.add_argument(
        "--previous", default="", help="tag of images of an older version, for the way back; the same when empty"
    )
    parser.add_argument("--skip", action="append", default=[], choices=[step.__name__ for step in STEPS])
    parser.add_argument(
        "--only", action="append", default=[], choices=[step.__name__ for step in STEPS], help="on what is there"
    )
    parser.add_argument("--set", action="append", default=[], dest="values", help="a value that this cluster needs")
    parser.add_argument("--keep", action="store_true", help="leave the namespace at the end")
    parser.add_argument("--report", type=Path, default=ROOT / ".state" / "e2e-k8s" / "report.json")
    return parser.parse_args()


async def main() -> int:
    """Returns the exit status."""
    options = _parse()
    cluster = Cluster(options.namespace, options.release, options.kubectl, options.helm)
    folder = options.report.resolve().parent
    folder.mkdir(parents=True, exist_ok=True)
    at = Run(cluster, Ports.choose(options.values), folder)
    at.rate, at.seconds = options.rate, options.seconds
    at.away, at.idle, at.previous = options.away, options.idle, options.previous
    chosen = [
        step for step in STEPS if step.__name__ not in options.skip and (not options.only or step.__name__ in options.only)
    ]
    if not options.only:
        try:
            await fresh_namespace(cluster)
        except Refused as refusal:
            sys.stderr.write(f"{refusal}\n")
            return 1
    report: dict[str, Any] = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "steps": {}, "skipped": options.skip}
    for step in chosen:
        outcome = await _take(step, at)
        report["steps"][step.__name__] = outcome
        options.report.write_text(json.dumps(report, indent=2) + "\n")
        sys.stderr.write(f"{'ok    ' if outcome['ok'] else 'FAILED'} {step.__name__} {outcome['seconds']} s\n")
        if not outcome["ok"]:
            sys.stderr.write(f"       {outcome['problem']}\n")
            if step.__name__ in _NEEDED:
                break
    if not options.keep and not options.only:
        begun = time.monotonic()
        # An object that nothing finalizes would keep it.
        await cluster.kubectl("delete", "namespace", cluster.namespace, "--wait=true", within=300)
        report["seconds_until_the_namespace_was_gone"] = round(time.monotonic() - begun, 1)
        options.report.write_text(json.dumps(report, indent=2) + "\n")
    return 0 if all(outcome["ok"] for outcome in report["steps"].values()) else 1


async def _take(step: Callable[[Run], Awaitable[dict[str, Any]]], at: Run) -> dict[str, Any]:
    begun = time.monotonic()
    try:
        detail = await step(at)
    except Exception as problem:  # whatever a step meets belongs into the report
        text = " ".join((repr(problem), *getattr(problem, "__notes__", ()))).replace(f"{ROOT}/", "")
        return {"ok": False, "seconds": round(time.monotonic() - begun, 1), "problem": text[:3000]}
    return {"ok": True, "seconds": round(time.monotonic() - begun, 1), **detail}


async def fresh_namespace(cluster: Cluster) -> None:
    """Makes the namespace anew. Raises `Refused` when there is one that no run has made: it may be somebody's installation."""
    label, value = _OURS
    there = await cluster.kubectl("get", "namespace", cluster.namespace, "--ignore-not-found", "--output", "json")
    if there.strip() and json.loads(there)["metadata"].get("labels", {}).get(label) != value:
        raise Refused(
            f"the namespace {cluster.namespace} was made by somebody else and would be deleted: choose another with "
            f"--namespace, or give it the label {label}={value} if nothing in it is needed"
        )
    await cluster.kubectl("delete", "namespace", cluster.namespace, "--ignore-not-found", "--wait=true", within=300)
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")} | {label: value}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace, "labels": labels}}
    await cluster.kubectl("create", "--filename", "-", given=json.dumps(namespace))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
