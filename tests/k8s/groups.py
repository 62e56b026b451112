"""What a consumer leaves when it is told to stop in the middle of its work: how far its group is, and nothing half done.

A Job that is set up like the pods of the service, with their sign-ins, looks while none of them is there.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any

from tests.k8s.cluster import Cluster
from tests.k8s.load import loaded
from tests.k8s.steps import Run

_SERVICE, _GROUP, _TOPIC = "analytics", "itsm.analytics.main", "itsm.incident.v1"
_JOB = "itsm-standing"
_BEFORE_THE_STOP = 15.0  # seconds of load
_CAUGHT_UP_WITHIN = 120.0
_COUNTED = re.compile(r"itsm_events_consumed_total\{([^}]*)\} (\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
# Where a group is by its own rows, by its copy in Kafka, and by what it has noted of each incident; the last two have to
# agree with the first, for every record of the topic. The last argument is a position of each partition: of what lies behind
# it the kinds are counted.
_STANDING = """
import asyncio, json, sys
from collections import Counter
from aiokafka import TopicPartition
from motor.motor_asyncio import AsyncIOMotorClient
from chassis.events.kafka import new_consumer
from chassis.settings import Settings

async def main(group, topic, behind):
    settings = Settings.load()
    database = AsyncIOMotorClient(settings.mongo_uri.get_secret_value()).get_default_database()
    rows = {}
    async for row in database["offsets"].find({"group": group}):
        _, of, partition = row["_id"].split("|")
        if of == topic:
            rows[int(partition)] = row
    seen = {}
    async for row in database["seen"].find():
        if row["_id"].startswith(group + "|"):
            seen[row["_id"].partition("|")[2]] = row["version"]
    kafka = new_consumer(settings, group)
    await kafka.start()
    places = [TopicPartition(topic, partition) for partition in sorted(rows)]
    kafka.assign(places)
    ends = await kafka.end_offsets(places)
    copied = {place.partition: await kafka.committed(place) or 0 for place in places}
    await kafka.seek_to_beginning(*places)
    records, wrong, later, left = 0, [], Counter(), 0
    while any([await kafka.position(place) < ends[place] for place in places]):
        for found in (await kafka.getmany(timeout_ms=1000)).values():
            for record in found:
                headers, handled = dict(record.headers), record.offset < rows[record.partition]["next"]
                left += not handled
                if record.offset >= behind.get(str(record.partition), 1 << 62):
                    later[headers["ce_type"].decode()] += 1
                if not headers["ce_subject"].startswith(b"incidents/"):
                    continue
                records += 1
                noted = seen.get(record.key.decode(), 0) >= int(headers["ce_itsmversion"])
                if noted != handled:
                    wrong.append([record.partition, record.offset, headers["ce_subject"].decode()])
    await kafka.stop()
    print(json.dumps({
        "next": {partition: row["next"] for partition, row in rows.items()},
        "copied": copied,
        "ends": {place.partition: ends[place] for place in places},
        "left_in_disorder": sorted(partition for partition, row in rows.items() if row.get("working")),
        "records": records, "left": left, "wrong": wrong[:20], "later": later,
    }))

asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
"""


async def settled(at: Run) -> dict[str, Any]:
    """Consumers are told to stop under load: all that they have handled is committed, the rest is handled later, all once."""
    deployment = f"deployment/{at.cluster.release}-{_SERVICE}"
    (found,) = await at.cluster.get("deployments", "--selector", _selector(at.cluster))
    async with loaded(at.cluster, at.gateway, rate=at.rate, seconds=2 * _BEFORE_THE_STOP) as load:
        await asyncio.sleep(_BEFORE_THE_STOP)
        await at.cluster.kubectl("scale", deployment, "--replicas=0")
        await at.settled()
    try:
        stopped = await _looked(at.cluster, found)
    finally:
        await at.cluster.kubectl("scale", deployment, f"--replicas={found['spec']['replicas']}")
    await at.cluster.rolled_out(deployment)
    after = await _caught_up(at.cluster, deployment, stopped)
    outcome = {
        "group": _GROUP,
        "events_of_incidents": stopped["records"],
        "committed_equals_handled": not stopped["wrong"],
        "first_that_differ": stopped["wrong"],
        "partitions_whose_copy_in_kafka_is_behind": _differing(stopped["next"], stopped["copied"]),
        "partitions_left_in_disorder": stopped["left_in_disorder"],
        "events_left_at_the_stop": stopped["left"],
        **after,
        **load.summary,
    }
    whole = not (stopped["wrong"] or stopped["left_in_disorder"] or after["duplicates"] or after["left_at_the_end"])
    copied = not outcome["partitions_whose_copy_in_kafka_is_behind"]
    # Who left nothing was not stopped in the middle of anything.
    if not (whole and copied and stopped["left"] and after["handled_since"] == after["told_since"]) or load.summary["errors"]:
        raise AssertionError(json.dumps(outcome))
    return outcome


def counted(text: str, group: str, topic: str) -> dict[str, dict[str, int]]:
    """Events of a topic by their type and what became of them, out of the metrics of a process."""
    outcome: dict[str, dict[str, int]] = {}
    for given, value in _COUNTED.findall(text):
        labels = dict(_LABEL.findall(given))
        if labels["group"] == group and labels["type"].startswith(f"{topic}."):
            kinds = outcome.setdefault(labels["type"], {})
            kinds[labels["outcome"]] = kinds.get(labels["outcome"], 0) + int(float(value))
    return outcome


async def _caught_up(cluster: Cluster, deployment: str, stopped: Mapping[str, Any]) -> dict[str, Any]:
    """What the new pods made of what was left, when nothing is left or too much time has passed."""
    behind = json.dumps(stopped["next"])
    look = ("exec", deployment, "--", "python", "-c", _STANDING, _GROUP, _TOPIC, behind)
    outcome: dict[str, Any] = {}
    async with asyncio.timeout(_CAUGHT_UP_WITHIN + 60), cluster.api() as api:
        until = asyncio.get_running_loop().time() + _CAUGHT_UP_WITHIN
        while asyncio.get_running_loop().time() < until:
            told = json.loads((await cluster.kubectl(*look)).splitlines()[-1])
            kinds: dict[str, dict[str, int]] = {}
            for pod in await cluster.pods(_SERVICE):
                text = (await api.get(f"pods/{pod['metadata']['name']}:8081/proxy/metrics")).raise_for_status().text
                for kind, outcomes in counted(text, _GROUP, _TOPIC).items():
                    into = kinds.setdefault(kind, {})
                    for name, count in outcomes.items():
                        into[name] = into.get(name, 0) + count
            outcome = {
                "told_since": {kind: count for kind, count in sorted(told["later"].items()) if kind in kinds},
                "handled_since": {
                    kind: outcomes.get("applied", 0) + outcomes.get("ignored", 0) for kind, outcomes in sorted(kinds.items())
                },
                "duplicates": sum(outcomes.get("duplicate", 0) for outcomes in kinds.values()),
                "left_at_the_end": told["left"],
            }
            if not told["left"] and outcome["told_since"] == outcome["handled_since"]:
                break
            await asyncio.sleep(3)
    return outcome


def _differing(one: Mapping[str, int], other: Mapping[str, int]) -> list[str]:
    return sorted(partition for partition in one if one[partition] != other.get(partition))


def _selector(cluster: Cluster) -> str:
    return f"app.kubernetes.io/instance={cluster.release},app.kubernetes.io/component={_SERVICE}"


async def _looked(cluster: Cluster, deployment: dict[str, Any]) -> dict[str, Any]:
    """What the Job tells. Its pod belongs to the Job, so no Deployment takes it for one of its own."""
    await cluster.kubectl("delete", "job", _JOB, "--ignore-not-found", "--wait=true")
    await cluster.kubectl("create", "--filename", "-", given=json.dumps(_job(deployment)))
    try:
        await cluster.kubectl("wait", f"job/{_JOB}", "--for=condition=complete", "--timeout=120s", within=150)
        told: dict[str, Any] = json.loads((await cluster.kubectl("logs", f"job/{_JOB}")).splitlines()[-1])
        return told
    finally:
        await cluster.kubectl("delete", "job", _JOB, "--wait=false")


def _job(deployment: dict[str, Any]) -> dict[str, Any]:
    template = deployment["spec"]["template"]
    container = template["spec"]["containers"][0]
    kept = {
        name: container[name] for name in ("image", "imagePullPolicy", "env", "resources", "securityContext", "volumeMounts")
    }
    looking = {"name": "look", "command": ["python", "-c", _STANDING, _GROUP, _TOPIC, "{}"], **kept}
    of_pod = ("serviceAccountName", "automountServiceAccountToken", "securityContext", "volumes")
    pod = {name: template["spec"][name] for name in of_pod if name in template["spec"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": _JOB},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": template["metadata"]["labels"]},
                "spec": {**pod, "restartPolicy": "Never", "containers": [looking]},
            },
        },
    }
