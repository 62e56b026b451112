"""The charts render: with every preset, the same twice, twice in one namespace, inside of another chart, and nothing twice."""

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.support.chart import (
    BACKING,
    CHART,
    PRESETS,
    containers,
    helm,
    objects,
    of,
    parse,
    preset,
    refusal,
    text,
    title,
)

NEEDED = {"default", "production", "airgap", "tls", "keda", "gatewayapi", "ingress", "openshift", "strimzi"}


def test_there_is_a_preset_for_every_way_to_install() -> None:
    assert set(PRESETS) >= NEEDED


@pytest.mark.parametrize("name", PRESETS)
def test_helm_finds_nothing_to_complain_about(name: str) -> None:
    done = helm("lint", "--strict", str(CHART), *preset(name))
    assert "0 chart(s) failed" in done.stdout
    assert "[WARNING]" not in done.stdout


def test_helm_finds_nothing_to_complain_about_in_backing() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(BACKING)).stdout


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_renders_the_same_twice(name: str) -> None:
    again = helm("template", "itsm", str(CHART), "--namespace", "itsm-system", *preset(name)).stdout
    assert again == text(*preset(name))


@pytest.mark.parametrize("name", PRESETS)
def test_no_two_objects_of_a_release_share_a_name(name: str) -> None:
    counted = Counter((found["metadata"].get("namespace"), title(found)) for found in of(name))
    assert not [each for each, count in counted.items() if count > 1]


@pytest.mark.parametrize("name", PRESETS)
def test_two_releases_share_a_namespace_without_meeting(name: str) -> None:
    first = {title(found) for found in objects(*preset(name), release="itsm")}
    second = {title(found) for found in objects(*preset(name), release="acceptance")}
    # What a person writes in extraObjects has the name that the person gives it.
    assert not first & second


@pytest.mark.parametrize("name", PRESETS)
def test_every_name_is_one_that_kubernetes_takes_even_for_a_long_release(name: str) -> None:
    long = "a-name-of-fifty-three-characters-which-is-helms-limit"
    backed = any(title(found) == "StatefulSet/itsm-mongod" for found in of(name))
    # Objects of backing are called after the release, without a cut: see the next test.
    long = long[:38] if backed else long
    for found in objects(*preset(name), release=long):
        limit = 63 if found["kind"] in {"Service", "Job"} else 253
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", found["metadata"]["name"]), title(found)
        assert len(found["metadata"]["name"]) <= limit, title(found)
        for label, value in found["metadata"].get("labels", {}).items():
            assert len(value) <= 63, f"{title(found)}: {label}"


def test_a_name_that_is_too_long_for_backing_is_refused_with_the_length_that_is_not() -> None:
    told = helm("template", "a-name-of-thirty-nine-characters-for-it", str(CHART), check=False).stderr
    assert "choose one of at most 38 characters" in told


@pytest.mark.parametrize("name", PRESETS)
def test_no_container_has_a_variable_twice(name: str) -> None:
    for owner, container in containers(of(name)):
        counted = Counter(variable["name"] for variable in container.get("env", ()))
        assert not [each for each, count in counted.items() if count > 1], title(owner)


def test_an_environment_of_ones_own_replaces_what_the_chart_sets() -> None:
    chosen = (
        "--set-json",
        'serviceDefaults={"extraEnv":[{"name":"ITSM_LOG_LEVEL","value":"DEBUG"},{"name":"HOME","value":"/x"}]}',
    )
    found = [container for owner, container in containers(objects(*chosen)) if owner["kind"] == "Deployment"]
    ours = [container for container in found if any(each["name"] == "ITSM_LISTEN" for each in container["env"])]
    assert len(ours) == 6
    for container in ours:
        pairs = [(each["name"], each.get("value")) for each in container["env"]]
        assert ("ITSM_LOG_LEVEL", "DEBUG") in pairs
        assert ("HOME", "/x") in pairs
        assert len({name for name, _ in pairs}) == len(pairs)


@pytest.fixture
def wrapper(tmp_path: Path) -> Path:
    """A chart of somebody else, which has ours as a dependency and global values that are none of our business."""
    chart = tmp_path / "portal"
    (chart / "charts").mkdir(parents=True)
    (chart / "templates").mkdir()
    helm("package", str(CHART), "--destination", str(chart / "charts"))
    described = {
        "apiVersion": "v2",
        "name": "portal",
        "version": "1.0.0",
        "dependencies": [{"name": "itsm", "version": "0.1.0", "condition": "itsm.enabled"}],
    }
    (chart / "Chart.yaml").write_text(yaml.safe_dump(described))
    values = {"global": {"cluster": "eu-1", "imageRegistry": "registry.example.com", "security": {"level": 3}}}
    (chart / "values.yaml").write_text(yaml.safe_dump({**values, "itsm": {"enabled": True, "nameOverride": "desk"}}))
    return chart


def test_the_chart_renders_inside_of_another_one_with_global_values_of_its_own(wrapper: Path) -> None:
    found = objects(chart=wrapper, release="portal")
    assert sum(each["kind"] == "Deployment" for each in found) >= 6
    assert all(container["image"].startswith("registry.example.com/") for _, container in containers(found))


def test_the_chart_inside_of_another_one_can_be_switched_off(wrapper: Path) -> None:
    assert parse(text("--set", "itsm.enabled=false", chart=wrapper, release="portal")) == []


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("gatewy.replicas", "2", "'gatewy' not allowed"),
        ("gateway.replica", "2", "'replica' not allowed"),
        ("services.assets.replicas", "2", "'assets' not allowed"),
        ("services.asset.resource.limits.memory", "1Gi", "'resource' not allowed"),
        ("networkPolicy.peer.asset", "x", "'peer' not allowed"),
        ("mongodb.uri", "mongodb://somewhere", "'uri' not allowed"),
        ("kafka.password", "hunter2", "'password' not allowed"),
        ("profile", "staging", "/profile"),
        ("image.tag", "latest", "/image/tag"),
        ("migrations.mode", "sometimes", "/migrations/mode"),
        ("gateway.replicas", "many", "/gateway/replicas"),
        ("telemetry.ratio", "2", "/telemetry/ratio"),
        ("backing.mongo.storage", "1Gi", "'mongo' not allowed"),
    ],
)
def test_a_value_that_is_misspelt_or_of_the_wrong_form_is_named(key: str, value: str, told: str) -> None:
    assert told in refusal("--set", f"{key}={value}")


def test_a_production_installation_that_lacks_something_names_what() -> None:
    production = ["--values", str(CHART / "values-production.yaml")]
    steps = [
        ("kafka.bootstrapServers", "kafka:9094"),
        ("oidc.issuer", "https://sso.example.com/realms/itsm"),
        ("gateway.publicUrl", "https://itsm.example.com"),
        ("mongodb.existingSecret", "mongodb"),
        ("kafka.existingSecret", "kafka"),
        ("oidc.existingSecret", "oidc"),
        ("secrets.pageToken.existingSecret", "keys"),
        ("secrets.signing.existingSecret", "keys"),
        ("secrets.webhooks.existingSecret", "keys"),
        ("kafka.admin.existingSecret", "kafka-admin"),
    ]
    given: dict[str, str] = {}
    seen = []
    while (missing := [key for key, _ in steps if key not in given]) and len(seen) <= len(steps):
        told = refusal(*production, *(f"--set={key}={value}" for key, value in given.items()))
        named = [key for key in missing if key in told or f"/{key.replace('.', '/')}" in told]
        assert named, f"the refusal names nothing of what is missing ({missing}): {told}"
        seen.append(named[0])
        given[named[0]] = dict(steps)[named[0]]
    assert set(seen) == {key for key, _ in steps}
    assert objects(*production, *(f"--set={key}={value}" for key, value in given.items()))


def test_a_value_that_was_removed_is_refused_with_its_successor(tmp_path: Path) -> None:
    chart = tmp_path / "itsm"
    shutil.copytree(CHART, chart)
    told = "`doorway` is now `gateway`: see UPGRADING.md, 2.0"
    words = chart / "templates" / "_deprecations.tpl"
    example = re.search(r"^ *(\{\{- if hasKey .*end -\}\})$", words.read_text(), re.MULTILINE)
    assert example is not None
    line = example[1].replace('"old"', '"doorway"').replace("`old` is now `new`", "`doorway` is now `gateway`")
    begun = '{{- define "itsm.deprecated" -}}\n'
    words.write_text(words.read_text().replace(begun, f"{begun}{line}\n"))
    assert "'doorway' not allowed" in refusal("--set", "doorway.replicas=2", chart=chart)
    schema = chart / "values.schema.json"
    known = json.loads(schema.read_text())
    known["properties"]["doorway"] = {}
    schema.write_text(json.dumps(known))
    assert told in refusal("--set", "doorway.replicas=2", chart=chart)
    assert objects(chart=chart)


def test_production_on_backing_is_refused_with_the_reason() -> None:
    given = ["--set", "backing.enabled=true"]
    told = refusal(*preset("production"), *given)
    assert "backing.enabled must be false where profile is production" in told


def test_migrations_before_the_release_are_refused_on_databases_that_come_with_it() -> None:
    assert "migrations.mode: hook needs databases that are there" in refusal("--set", "migrations.mode=hook")


def test_every_key_of_the_values_is_in_the_schema_and_no_map_of_ours_is_open() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert schema["additionalProperties"] is False
    assert set(values) == set(schema["properties"])
