"""Alerts and dashboards ask for metrics that processes really have, are in the output, and lead to a runbook."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from chassis.telemetry import Metrics
from stack.options import ROOT
from tests.support.chart import CHART, Object, kinds, objects, of

RULES = sorted((CHART / "rules").glob("*.yaml"))
DASHBOARDS = sorted((CHART / "dashboards").glob("*.json"))
RUNBOOKS = ROOT / "docs" / "runbooks"
BASE = "https://itsm.example.com/runbooks"
PARTS = [f"monitoring.{part}.enabled=true" for part in ("prometheusRule", "dashboards", "serviceMonitor")]
ENABLED = ("--set", ",".join([*PARTS, f"monitoring.prometheusRule.runbookBaseUrl={BASE}"]))
# What the chart puts in place of the two words.
SELECTOR = 'namespace="itsm-system",app_kubernetes_io_instance="itsm"'
LEAST_ALERTS = 10
# Of Prometheus itself, and of every process with prometheus-client.
STANDARD = {"up"}
WORD = re.compile(r"\b(?:itsm|process|python)_[a-z0-9_]+|\bup\b")
SUFFIXES = ("_bucket", "_count", "_sum", "_created")


def exposed() -> set[str]:
    """The names of all series of a process, without those of metrics that no code writes."""
    metrics = Metrics()
    code = "\n".join(
        file.read_text()
        for folder in ("chassis", "services")
        for file in (ROOT / folder).rglob("*.py")
        if file.name != "telemetry.py"
    )
    written = {
        name for name, kept in vars(metrics).items() if isinstance(kept, MetricWrapperBase) and re.search(rf"\.{name}\b", code)
    }
    ours = {family.name: family for name in written for family in getattr(metrics, name).describe()}
    found = set(STANDARD)
    for family in metrics.registry.collect():
        if family.name.startswith("itsm_") and family.name not in ours:
            continue
        found |= {sample.name for sample in family.samples} | {f"{family.name}_total"} | {family.name}
        found |= {f"{family.name}{suffix}" for suffix in SUFFIXES if family.type == "histogram"}
    return found


EXPOSED = exposed()


def groups() -> list[Object]:
    """The rules as the chart renders them, without helm: what is tested of each has to be known before any test runs."""
    texts = [file.read_text().replace("$(selector)", SELECTOR).replace("$(runbooks)", BASE) for file in RULES]
    return [group for text in texts for group in yaml.safe_load(text)["groups"]]


def alerts() -> list[Object]:
    return [rule for group in groups() for rule in group["rules"]]


def queries() -> list[tuple[str, str]]:
    found = [(alert["alert"], alert["expr"]) for alert in alerts()]
    for file in DASHBOARDS:
        board = json.loads(file.read_text())
        for panel in board["panels"]:
            found += [(f"{file.name}: {panel['title']}", target["expr"]) for target in panel["targets"]]
        asked = [each for each in board["templating"]["list"] if each["type"] == "query"]
        found += [(f"{file.name}: {each['name']}", each["query"]) for each in asked]
    return found


def labels_of(metric: str) -> set[str]:
    """The labels that a series may be selected and grouped by."""
    base = re.sub(r"_(bucket|count|sum|created)$", "", metric)
    for kept in vars(Metrics()).values():
        if isinstance(kept, MetricWrapperBase) and kept._name in {metric, base, base.removesuffix("_total")}:
            return set(kept._labelnames) | ({"le"} if metric.endswith("_bucket") else set())
    return {"generation"} if metric.startswith("python_gc") else set()


def test_a_metric_that_nothing_writes_counts_as_not_there() -> None:
    assert {"itsm_changes_pending", "itsm_dlq_total", "itsm_grpc_server_duration_seconds_bucket"} <= EXPOSED
    assert "process_resident_memory_bytes" in EXPOSED
    assert "itsm_anything_else" not in EXPOSED


@pytest.mark.parametrize(("where", "query"), queries())
def test_every_query_is_about_series_that_there_are(where: str, query: str) -> None:
    asked = set(WORD.findall(query))
    assert asked, where
    assert asked <= EXPOSED, f"{where}: {asked - EXPOSED}"


@pytest.mark.parametrize(("where", "query"), queries())
def test_every_query_groups_by_labels_that_these_series_have(where: str, query: str) -> None:
    known = {"namespace", "pod", "app_kubernetes_io_component", "app_kubernetes_io_instance"}
    for metric in WORD.findall(query):
        known |= labels_of(metric)
    grouped = {label.strip() for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", query) for label in group.split(",")}
    selected = {label for group in re.findall(r"\{([^}]*)\}", query) for label in re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", group)}
    assert grouped | selected <= known, f"{where}: {(grouped | selected) - known}"


def test_there_are_alerts_enough_with_names_of_their_own() -> None:
    names = [alert["alert"] for alert in alerts()]
    assert len(names) == len(set(names)) >= LEAST_ALERTS


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_how_bad_it_is_what_is_wrong_and_where_to_read_on(alert: Object) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert re.search(r"[a-z].*\.$", alert["annotations"]["summary"])
    base, _, page = alert["annotations"]["runbook_url"].rpartition("/")
    assert base == BASE
    told = (RUNBOOKS / page).read_text()
    assert f"`{alert['alert']}`" in told
    assert f"({alert['labels']['severity']})" in told
    assert "## Look" in told
    assert "## Do" in told


def test_every_runbook_is_of_an_alert() -> None:
    led_to = {alert["annotations"]["runbook_url"].rpartition("/")[2] for alert in alerts()}
    assert {file.name for file in RUNBOOKS.glob("*.md")} == led_to


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_looks_at_this_release_alone(alert: Object) -> None:
    series = re.findall(r"\b(?:itsm|process)_[a-z0-9_]+\b(\{[^}]*\})?|\bup(\{[^}]*\})?", alert["expr"])
    assert series
    for selectors in series:
        assert any(SELECTOR in each for each in selectors), alert["expr"]


def test_every_rule_file_and_every_dashboard_is_in_the_output() -> None:
    assert kinds(objects(*ENABLED), "PrometheusRule")[0]["spec"] == {"groups": groups()}
    maps = {key: value for found in kinds(objects(*ENABLED), "ConfigMap") for key, value in found["data"].items()}
    for file in DASHBOARDS:
        assert json.loads(maps[file.name]) == json.loads(file.read_text())
        assert len(maps[file.name]) < 1_000_000


def test_alerts_name_no_page_where_nobody_serves_the_runbooks() -> None:
    rendered = kinds(objects("--set", "monitoring.prometheusRule.enabled=true"), "PrometheusRule")[0]["spec"]
    wanted = groups()
    for rule in (rule for group in wanted for rule in group["rules"]):
        del rule["annotations"]["runbook_url"]
    assert rendered == {"groups": wanted}


def test_what_is_shipped_is_in_the_production_preset() -> None:
    found = of("production")
    assert kinds(found, "ServiceMonitor")
    assert kinds(found, "PrometheusRule")
    assert sum("-dashboard-" in each["metadata"]["name"] for each in kinds(found, "ConfigMap")) == len(DASHBOARDS)


def test_the_labels_that_queries_use_are_copied_from_the_services() -> None:
    monitor = kinds(objects(*ENABLED), "ServiceMonitor")[0]
    assert set(monitor["spec"]["targetLabels"]) == {"app.kubernetes.io/instance", "app.kubernetes.io/component"}


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_is_one_that_grafana_takes(file: Path) -> None:
    board = json.loads(file.read_text())
    assert board["uid"] == f"itsm-{file.stem}"
    variables = {each["name"] for each in board["templating"]["list"]}
    assert [panel["id"] for panel in board["panels"]] == list(range(1, len(board["panels"]) + 1))
    for panel in board["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        used = {name for target in panel["targets"] for name in re.findall(r"\$(\w+)", target["expr"])}
        assert used <= variables | {"__rate_interval"}


def promtool(*arguments: str) -> str:
    # It comes with Prometheus, which the tests of the platform's own metrics need too (.ci/run installs it).
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=120, check=False)  # noqa: S603, S607
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": groups()}))
    assert f"SUCCESS: {len(alerts())} rules found" in promtool("check", "rules", str(file))


def test_alerts_go_off_when_they_should_and_not_before(tmp_path: Path) -> None:
    """The cases lie beside this file: series as they would be, and what is to be told by then."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups()}))
    cases: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "alerts.yaml").read_text())
    assert {case["name"] for case in cases["tests"]} == {alert["alert"] for alert in alerts()}
    for case in cases["tests"]:
        del case["name"]  # which promtool of Debian 12 does not know yet
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump({**cases, "rule_files": ["rules.yaml"]}))
    assert "SUCCESS" in promtool("test", "rules", str(tmp_path / "alerts.yaml"))
