"""The chart says what the code does: settings, groups and topics, paths; and each of its values is described and closed."""

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from chassis.events.topics import TopicSettings, dead_topic, public_topic, wanted
from chassis.peers import SERVICES
from docs.generate import ROOT, chart, events
from services.auth.realm import wanted as realm
from services.auth.realm.command import ProvisionSettings
from services.monitor.ingest import app as ingestion
from services.monitor.ingest import samples

CHART = ROOT / "helm" / "itsm"
TEMPLATES = "\n".join(file.read_text() for file in sorted((CHART / "templates").rglob("*")) if file.is_file())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def settings() -> set[str]:
    kinds = [importlib.import_module(f"services.{name}.app").Settings for name in SERVICES]
    return {f"ITSM_{name.upper()}" for kind in (*kinds, TopicSettings, ProvisionSettings) for name in kind.model_fields}


def test_every_value_is_described() -> None:
    assert [value.path for value in chart.values() if not value.meaning] == []


def test_every_variable_that_the_chart_sets_is_a_setting() -> None:
    known = settings() | {"ITSM_SECRETS_DIR"}
    named = set(re.findall(r"\bITSM_[A-Z0-9_]+\b", TEMPLATES)) - {"ITSM_"}
    assert named - known == set()


def test_every_secret_that_the_chart_mounts_is_a_setting() -> None:
    named = {name.upper() for name in re.findall(r'"(itsm_[a-z_]+)"', TEMPLATES)}
    assert len(named) > 5
    assert named - settings() == set()


def test_the_groups_that_are_scaled_by_are_those_that_the_code_reads_with() -> None:
    in_code: dict[str, set[str]] = {}
    for service in SERVICES:
        for group in events._subscriptions(service):  # the same look at the code as the generated page takes
            in_code[f"itsm.{service}.{group.group}"] = set(group.topics)
    in_chart = {
        group: set(topics)
        for part in (*VALUES["services"].values(), VALUES["gateway"])
        for group, topics in (part or {}).get("consumes", {}).items()
    }
    assert in_chart == in_code


def test_topics_of_an_operator_are_those_that_the_command_makes() -> None:
    assert {topic.name for topic in wanted()} == {
        "itsm.audit.v1", *map(public_topic, SERVICES), *map(dead_topic, SERVICES)
    }  # fmt: skip
    for topic in wanted():
        partitions = {"itsm.audit.v1": 24}.get(topic.name, 3 if topic.name.endswith(".dead") else 24)
        assert topic.num_partitions == partitions


def test_every_service_has_a_place_in_the_call_matrix_and_calls_only_services() -> None:
    peers = VALUES["networkPolicy"]["peers"]
    assert set(peers) | {"auth"} == set(SERVICES)
    assert all(set(servers) <= set(SERVICES) for servers in peers.values())
    targets = set(re.findall(r"itsm\.(\w+)\.v1", " ".join(_targets())))
    assert set(peers["gateway"]) == targets


def _targets() -> Iterator[str]:
    app = importlib.import_module("services.gateway.app")
    given = {f"{name}_target": "somewhere" for name in SERVICES}
    yield from app.Settings(**given).targets()


def test_what_senders_post_to_is_led_to_the_monitor() -> None:
    source = Path(ingestion.__file__).read_text() + Path(samples.__file__).read_text()
    served = set(re.findall(r'post\("(/[^"]+)"', source))
    assert len(served) >= 5
    assert served - set(re.findall(r"^- (/\S+)$", TEMPLATES, re.MULTILINE)) == set()


def test_demonstration_users_have_the_roles_that_there_are() -> None:
    named = re.search(r'define "itsm.roles" -\}\}\n\[(.+)\]', TEMPLATES)
    assert named is not None
    assert set(named[1].split(", ")) == set(realm.ROLES)


def test_the_schema_knows_every_value_and_no_other() -> None:
    unknown = list(_unknown(VALUES, SCHEMA, "")) + list(_missing(VALUES, SCHEMA, ""))
    assert unknown == []


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    return SCHEMA["definitions"][reference.rpartition("/")[2]] if reference else schema


def _unknown(values: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    schema = _resolved(schema)
    if not isinstance(values, dict) or "properties" not in schema or path == ".backing":
        return
    for key, value in values.items():
        if key not in schema["properties"]:
            yield f"{path}.{key}: not in the schema"
        else:
            yield from _unknown(value, schema["properties"][key], f"{path}.{key}")


def _missing(values: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    schema = _resolved(schema)
    if not isinstance(values, dict) or path.startswith((".services.", ".gateway", ".serviceDefaults.resources")):
        return
    for key, inner in schema.get("properties", {}).items():
        if key not in values and not path.endswith(("resources",)):
            yield f"{path}.{key}: not in values.yaml"
        else:
            yield from _missing(values.get(key), inner, f"{path}.{key}")


def test_versions_agree() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    backing = yaml.safe_load((CHART / "charts" / "backing" / "Chart.yaml").read_text())
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert {about["version"], about["appVersion"], backing["version"], about["dependencies"][0]["version"]} == {version[1]}
