"""An upgrade from a release before this one changes nothing that Kubernetes lets nobody change."""

import copy
from typing import Any

import pytest

from deploy.version import version
from tests.contract.chart.immutable import FOLDER, conflicts, fixed, kept, last_of_two_minors, present, released, text
from tests.support.chart import PRESETS, named, objects, of, preset

KEPT = sorted(file.stem for file in FOLDER.glob("*.json"))
AGAIN = "`.venv/bin/python -m tests.contract.chart.immutable` writes it"


@pytest.mark.parametrize("release", KEPT)
def test_an_upgrade_from_a_release_is_one_that_kubernetes_takes(release: str) -> None:
    before, after = kept(release), present()
    refused = {name: conflicts(before[name], after[name]) for name in before.keys() & after.keys()}
    assert len(refused) >= 2
    assert not {name: found for name, found in refused.items() if found}


def test_what_the_last_two_minor_releases_made_is_kept() -> None:
    assert version() in KEPT, AGAIN
    assert not set(last_of_two_minors(released())) - set(KEPT), "a release forgot what it made: its tag can render it"


def test_of_two_minor_releases_the_last_patch_counts() -> None:
    assert last_of_two_minors(["1.2.0", "1.1.3", "1.1.2", "1.0.9"]) == ["1.2.0", "1.1.3"]
    assert last_of_two_minors([]) == []


def _selector(found: list[dict[str, Any]]) -> None:
    named(found, "Deployment", "itsm-asset")["spec"]["selector"]["matchLabels"]["tier"] = "one"


def _claim(found: list[dict[str, Any]]) -> None:
    claims = named(found, "StatefulSet", "itsm-mongod")["spec"]["volumeClaimTemplates"]
    claims[0]["spec"]["resources"]["requests"]["storage"] = "99Gi"


def _cluster_ip(found: list[dict[str, Any]]) -> None:
    named(found, "Service", "itsm-asset")["spec"]["clusterIP"] = "None"


def _job(found: list[dict[str, Any]]) -> None:
    job = next(each for each in found if each["kind"] == "Job" and "-migrate-asset-" in each["metadata"]["name"])
    job["spec"]["template"]["spec"]["containers"][0]["args"] = ["other"]


def _role(found: list[dict[str, Any]]) -> None:
    next(each for each in found if each["kind"] == "RoleBinding")["roleRef"]["name"] = "other"


@pytest.mark.parametrize("change", [_selector, _claim, _cluster_ip, _job, _role])
def test_a_change_that_kubernetes_would_refuse_is_seen(change: Any) -> None:
    found = of("default")
    before = fixed(copy.deepcopy(found))
    change(found)
    assert len(conflicts(before, fixed(found))) == 1


def test_what_may_change_is_no_conflict() -> None:
    found = of("production")
    before = fixed(copy.deepcopy(found))
    asset = named(found, "Deployment", "itsm-asset")
    asset["spec"]["replicas"] = 9
    asset["spec"]["template"]["spec"]["containers"][0]["image"] = "itsm/asset:9.9.9"
    found.remove(named(found, "Deployment", "itsm-monitor"))
    assert conflicts(before, fixed(found)) == []


def test_jobs_of_another_version_have_other_names() -> None:
    """Else their templates, which nobody can change, would stop the upgrade."""
    before, after = fixed(of("default")), fixed(objects(*preset("default"), "--set", "image.tag=9.9.9"))
    assert conflicts(before, after) == []
    jobs = {name for name in before if name.startswith("Job/itsm-migrate-")}
    assert len(jobs) == 6
    assert not jobs & after.keys()


def test_every_preset_is_kept_and_reads_back_as_it_was() -> None:
    whole = present()
    assert set(whole) == set(PRESETS)
    assert all(whole.values())
    assert '"Deployment/itsm-asset"' in text(whole)
