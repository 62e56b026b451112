"""Commands that are made from the contract: complete, unambiguous, and what they send."""

import json
from pathlib import Path

import pytest

from cli import contract
from cli.contract import Type
from cli.errors import ExitCode
from cli.resources import RESOURCES
from tests.unit.cli.conftest import Run

ELSEWHERE = {
    *("incidents", "kpis", "imports", "services", "search", "drafts", "macroRuns"),
    *("bootstrap", "presence", "inbox", "statusUpdates"),
}
"""Resources with commands of their own: `inc`, `kpi`, `ci import`, `events`, `search`. Drafts, what a macro did a minute
ago, what a console begins with, who is at a record, and what it tells everybody or one person, are for who is in a browser."""


def test_every_resource_of_the_contract_has_commands() -> None:
    found = {
        each.path.removeprefix(contract.PREFIX).split("/")[0].partition(":")[0]
        for each in contract._Contract.read().operations()
    }
    assert found - {each.plural for each in RESOURCES.values()} <= ELSEWHERE


@pytest.mark.parametrize("name", RESOURCES)
def test_columns_are_fields_and_options_are_distinct(name: str) -> None:
    resource = RESOURCES[name]
    operations = contract.operations(resource.plural)
    if not operations:
        return  # a resource that this installation does not have
    known = operations["list" if "list" in operations else "show"].fields
    assert set(resource.columns) <= known, sorted(set(resource.columns) - known)
    for operation in operations.values():
        options = [contract.kebab(each.name) for each in operation.parameters]
        assert len(options) == len(set(options))
        assert operation.help


def test_a_record_is_made_of_options_and_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "asset.yaml"
    file.write_text("name: from the file\nclass: server\nlocation: Ulm\n")
    ended = run("ci", "create", "-f", str(file), "--name", "db-1", "--criticality", "high", "--attributes", "cpus=4",
                "--attributes", "note=4 of 8", "--cost", '{"amount": "12.50", "currency": "EUR"}', "--dry-run")  # fmt: skip
    assert ended.code == ExitCode.OK, ended.err
    assert json.loads(ended.out) == {
        "method": "POST",
        "path": "/api/v1/assets",
        "body": {
            "name": "db-1", "class": "server", "location": "Ulm", "criticality": "HIGH",
            "attributes": {"cpus": 4, "note": "4 of 8"}, "cost": {"amount": "12.50", "currency": "EUR"},
        },
    }  # fmt: skip


def test_a_verb_goes_to_each_record(run: Run) -> None:
    ended = run("alert", "acknowledge", "alr_1", "alr/2", "--comment", "looking", "--dry-run")
    assert [json.loads(line) for line in ended.out.splitlines()] == [
        {"method": "POST", "path": "/api/v1/alerts/alr_1:acknowledge", "body": {"comment": "looking"}},
        {"method": "POST", "path": "/api/v1/alerts/alr%2F2:acknowledge", "body": {"comment": "looking"}},
    ]


def test_what_lies_below_a_record_is_reached_by_both_names(run: Run) -> None:
    ended = run("webhook", "redeliver", "whk_1", "dlv_1", "--dry-run")
    assert json.loads(ended.out)["path"] == "/api/v1/webhooks/whk_1/deliveries/dlv_1:redeliver"


def test_what_is_written_wrong_is_named(run: Run, tmp_path: Path) -> None:
    assert run("ci", "create", "--attributes", "cpus", "--dry-run").code == ExitCode.USAGE
    assert run("ci", "create", "--cost", "{", "--dry-run").code == ExitCode.USAGE
    assert run("ci", "update", "a", "b", "--etag", "3").code == ExitCode.USAGE
    broken = tmp_path / "broken.yaml"
    broken.write_text("- 1\n")
    ended = run("ci", "create", "-f", str(broken))
    assert (ended.code, str(broken) in ended.err) == (ExitCode.ERROR, True)


def test_a_field_has_the_type_that_the_contract_says() -> None:
    create = {each.name: each for each in contract.operations("checks")["create"].parameters}
    assert create["name"].needed
    assert create["enabled"].type is Type.FLAG
    assert create["kind"].choices[:2] == ("http", "tcp")
    assert "state" not in create, "only the platform says it"


def test_an_alert_is_told_by_its_labels(run: Run) -> None:
    ended = run("alert", "send", "-m", "backup failed", "--severity", "critical", "--host", "db1", "--dedup", "k", "--dry-run")
    assert json.loads(ended.out)["body"] == [
        {
            "labels": {"alertname": "Alert", "severity": "critical", "instance": "db1", "dedup_key": "k"},
            "annotations": {"summary": "backup failed"},
        }
    ]
    assert run("alert", "send", "-m", "x").code == ExitCode.AUTH, "without a key of an integration nothing is sent"


def test_a_silence_is_said_in_one_line(run: Run) -> None:
    ended = run("silence", "for", "2h", "host=db1", "severity=~warning|info", "-m", "disks", "--dry-run")
    body = json.loads(ended.out)["body"]
    assert body["matchers"] == [
        {"label": "host", "operator": "EQUAL", "value": "db1"},
        {"label": "severity", "operator": "MATCHES", "value": "warning|info"},
    ]
    for wrong in (("2 weeks", "host=a"), ("2h", "host")):
        assert run("silence", "for", *wrong, "-m", "x", "--dry-run").code == ExitCode.USAGE
