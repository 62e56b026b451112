"""Dashboards as files: what is written is read again, and says what would change."""

from pathlib import Path
from typing import Any

from cli.errors import ExitCode
from tests.unit.cli.conftest import Run
from tests.unit.cli.platform import Platform

TILE = {
    "id": "a",
    "kind": "NUMBER",
    "kpi": "mtta",
    "groupBy": "",
    "series": [],
    "allTime": False,
    "x": 0,
    "y": 0,
    "w": 3,
    "h": 2,
}
DESK: dict[str, Any] = {
    "id": "dsb_1",
    "name": "Desk",
    "days": 30,
    "tiles": [TILE],
    "sharing": "PRIVATE",
    "builtIn": False,
    "etag": "4",
}
SHIPPED = {**DESK, "id": "service-desk", "name": "Service desk overview", "builtIn": True}


def test_what_is_exported_is_imported_elsewhere_and_changes_nothing_where_it_came_from(
    run: Run, tmp_path: Path, platform: Platform
) -> None:
    platform.kept = {"dashboards": {"dsb_1": DESK, "service-desk": SHIPPED}}
    exported = run("dash", "export")
    assert "Service desk overview" not in exported.out, "every tenant has it anyway"
    assert "allTime" not in exported.out
    file = tmp_path / "desk.yaml"
    file.write_text(exported.out)
    assert run("dash", "diff", str(file)).code == ExitCode.OK
    file.write_text(exported.out.replace("mtta", "mttr-resolve"))
    changed = run("dash", "diff", str(file))
    assert (changed.code, changed.out.splitlines()[0]) == (ExitCode.PENDING, "~ dashboards/Desk")
    assert run("dash", "import", str(file), "--dry-run").code == ExitCode.OK
    assert all(each.method == "GET" for each in platform.requests)
    assert run("dash", "import", str(file)).code == ExitCode.OK
    sent = platform.requests[-1]
    assert (sent.method, sent.headers["if-match"], sent.body["tiles"][0]["kpi"]) == ("PATCH", '"4"', "mttr-resolve")
    platform.kept = {"dashboards": {}}
    assert run("dash", "import", str(file)).code == ExitCode.OK
    assert platform.kept["dashboards"]["rec_1"]["name"] == "Desk"


def test_what_every_tenant_has_is_written_for_whoever_names_it(run: Run, platform: Platform) -> None:
    platform.kept = {"dashboards": {"service-desk": SHIPPED}}
    assert "name: Service desk overview" in run("dash", "export", "service-desk").out
    assert run("dash", "export", "no such thing").code == ExitCode.ERROR


def test_a_file_of_something_else_is_refused(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "hours.yaml"
    file.write_text("resource: calendars\nname: Office\nzone: Europe/Berlin\n")
    assert run("dash", "import", str(file)).code == ExitCode.ERROR
