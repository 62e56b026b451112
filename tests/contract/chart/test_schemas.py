"""Every object of every preset is one that Kubernetes takes, on the oldest version that the chart allows and on the newest."""

import re

import pytest
import yaml

from tests.support.chart import CHART, PRESETS, Object, objects, of
from tests.support.schemas import SHAPES, problems, versions

LEAST = re.search(r">=(\d+\.\d+)", yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"])
assert LEAST is not None
VERSIONS = versions(LEAST[1])


def test_the_schemas_reach_back_to_the_oldest_version_that_the_chart_allows() -> None:
    assert LEAST is not None
    assert VERSIONS[0] == LEAST[1]
    assert VERSIONS[1] > VERSIONS[0]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", PRESETS)
def test_every_object_of_a_preset_is_valid_to_the_letter(name: str, version: str) -> None:
    assert [problem for found in of(name) for problem in problems(found, version)] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_what_only_some_values_make_is_valid_too(version: str) -> None:
    """Values that no preset sets: every part of a pod that a person may add."""
    found = objects(
        "--set-json",
        'serviceDefaults={"nodeSelector":{"disk":"ssd"},"tolerations":[{"key":"itsm","operator":"Exists"}],'
        '"priorityClassName":"high","hostAliases":[{"ip":"10.0.0.9","hostnames":["db"]}],"podLabels":{"team":"a"},'
        '"podAnnotations":{"a":"b"},"serviceAnnotations":{"a":"b"},"serviceAccount":{"annotations":{"role":"x"}},'
        '"replicas":3,"podAntiAffinity":"hard","lifecycle":{"preStopSleepSeconds":5},'
        '"extraVolumes":[{"name":"more","emptyDir":{}}],"extraVolumeMounts":[{"name":"more","mountPath":"/more"}]}',
        "--set-json",
        'networkPolicy={"extraEgress":[{"ports":[{"port":25}]}],"egress":{"dns":{"to":[{"namespaceSelector":{}}]},'
        '"monitored":{"to":[{"ipBlock":{"cidr":"10.0.0.0/8"}}],"ports":[443]}}}',
        "--set",
        "monitoring.prometheusAnnotations=true,global.storageClass=fast,commonLabels.cost=it,commonAnnotations.owner=me",
    )
    # `sleep` before a stop is known since 1.30.
    wanted = "1.30" if version == VERSIONS[0] else version
    assert [problem for each in found for problem in problems(each, wanted)] == []


def _first(kind: str) -> Object:
    return next(found for found in of("default") if found["kind"] == kind)


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    deployment = _first("Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["resorces"] = {}
    assert any("resorces" in problem for problem in problems(deployment, VERSIONS[1]))


def test_a_field_of_the_wrong_form_is_found() -> None:
    service = _first("Service")
    service["spec"]["ports"][0]["port"] = "http"
    assert problems(service, VERSIONS[0])


def test_the_shape_of_another_projects_kind_is_closed() -> None:
    monitor = next(found for found in of("production") if found["kind"] == "ServiceMonitor")
    assert problems(monitor, VERSIONS[1]) == []
    monitor["spec"]["endpoints"][0]["intervall"] = "30s"
    assert any("intervall" in problem for problem in problems(monitor, VERSIONS[1]))


def test_a_kind_that_nobody_described_is_a_problem() -> None:
    assert problems({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x"}}, VERSIONS[1])


def test_every_shape_is_used_by_some_preset() -> None:
    used = {(found["apiVersion"], found["kind"]) for name in PRESETS for found in of(name)}
    assert not set(SHAPES) - used
