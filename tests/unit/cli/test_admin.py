"""Configuration as code: what is planned, what is done, and what is refused before anything is done."""

from pathlib import Path

import pytest

from cli.errors import ExitCode
from tests.unit.cli.conftest import Run
from tests.unit.cli.platform import Platform


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "config"
    made.mkdir()
    return made


def write(folder: Path, *documents: str) -> None:
    (folder / "all.yaml").write_text("---\n".join(documents))


HOURS = "resource: calendars\nname: Office\nzone: Europe/Berlin\n"
GOLD = 'resource: slaPolicies\nname: Gold\ncalendarId: "@calendars/Office"\nnumber: 5\n'
PING = "resource: checks\nname: Ping\nkind: TCP\ntarget: db1\n"


def test_who_refers_is_made_after_what_is_referred_to(run: Run, folder: Path, platform: Platform) -> None:
    platform.kept = {"calendars": {}, "slaPolicies": {}}
    write(folder, GOLD, HOURS)
    assert run("admin", "apply", "-f", str(folder), "--plan").code == ExitCode.PENDING
    assert platform.kept == {"calendars": {}, "slaPolicies": {}}, "a plan does nothing"
    assert run("admin", "apply", "-f", str(folder)).code == ExitCode.OK
    assert platform.kept["slaPolicies"]["rec_1"]["calendarId"] == "rec_1"
    again = run("admin", "apply", "-f", str(folder), "--plan")
    assert (again.code, again.out) == (ExitCode.OK, "")


def test_only_what_differs_is_sent_with_the_version_that_was_seen(run: Run, folder: Path, platform: Platform) -> None:
    known = {"id": "c1", "name": "Office", "zone": "Europe/Paris", "country": "DE", "etag": "7"}
    platform.kept = {"calendars": {"c1": known}}
    write(folder, HOURS)
    ended = run("admin", "apply", "-f", str(folder))
    assert ended.out == '~ calendars/Office\n    zone: "Europe/Paris" → "Europe/Berlin"\n'
    sent = platform.requests[-1]
    assert (sent.method, sent.body, sent.headers["if-match"]) == ("PATCH", {"zone": "Europe/Berlin"}, '"7"')
    assert platform.kept["calendars"]["c1"]["country"] == "DE", "what a document leaves out stays"


def test_what_a_document_leaves_out_of_a_field_stays_too(run: Run, folder: Path, platform: Platform) -> None:
    http = {"method": "POST", "contains": "ok", "statuses": [204]}
    platform.kept = {"checks": {"c1": {"id": "c1", "name": "Ping", "kind": "HTTP", "http": http, "etag": "1"}}}
    write(folder, "resource: checks\nname: Ping\nkind: HTTP\nhttp: {method: GET}\n")
    ended = run("admin", "apply", "-f", str(folder))
    assert ended.out == '~ checks/Ping\n    http.method: "POST" → "GET"\n'
    assert platform.kept["checks"]["c1"]["http"] == {**http, "method": "GET"}


def test_what_no_document_names_goes_only_when_that_is_said_twice(run: Run, folder: Path, platform: Platform) -> None:
    platform.kept = {
        "checks": {name: {"id": name, "name": name, "kind": "TCP", "target": "db1", "etag": "1"} for name in ("Ping", "Stray")},
        "calendars": {"c1": {"id": "c1", "name": "Office", "zone": "Europe/Berlin", "etag": "1"}},
    }
    write(folder, PING)
    assert run("admin", "apply", "-f", str(folder)).code == ExitCode.OK
    assert set(platform.kept["checks"]) == {"Ping", "Stray"}
    careful = run("admin", "apply", "-f", str(folder), "--prune")
    assert (careful.code, careful.out) == (ExitCode.ERROR, "- checks/Stray\n")
    assert set(platform.kept["checks"]) == {"Ping", "Stray"}
    assert run("admin", "apply", "-f", str(folder), "--prune", "--yes").code == ExitCode.OK
    assert set(platform.kept["checks"]) == {"Ping"}
    assert platform.kept["calendars"], "kinds that no document names are left alone"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("resource: nonsense\nname: a\n", "document 1: resource 'nonsense'"),
        ("resource: checks\n", "document 1: name is missing"),
        (PING + "---\n" + PING, "document 2: checks/Ping is there twice"),
        ("resource: checks\nname: a\nfrequency: 5s\n", "document 1: frequency is no field"),
        ("- 1\n", "should hold the fields of records"),
        ("a: [\n", "cannot be read"),
        ('resource: slaPolicies\nname: a\ncalendarId: "@calendars/None"\n', "'@calendars/None' is not there"),
        ('resource: slaPolicies\nname: a\ncalendarId: "@nonsense"\n', "'@nonsense' names no record"),
    ],
)
def test_what_makes_no_sense_is_told_by_file_and_changes_nothing(
    run: Run, folder: Path, platform: Platform, text: str, told: str
) -> None:
    platform.kept = {"checks": {}, "slaPolicies": {}, "calendars": {}}
    write(folder, text)
    ended = run("admin", "apply", "-f", str(folder))
    assert ended.code == ExitCode.ERROR
    assert told in ended.err
    assert not any(platform.kept.values())


def test_an_empty_folder_is_told(run: Run, folder: Path) -> None:
    assert "there is no *.yaml" in run("admin", "apply", "-f", str(folder)).err


def test_of_two_records_of_one_name_none_is_guessed(run: Run, folder: Path, platform: Platform) -> None:
    platform.kept = {"checks": {each: {"id": each, "name": "Ping", "kind": "TCP", "etag": "1"} for each in "ab"}}
    write(folder, PING)
    ended = run("admin", "apply", "-f", str(folder))
    assert (ended.code, "2 of checks are called 'Ping'" in ended.err) == (ExitCode.ERROR, True)


def test_what_is_written_out_reads_as_what_is_there(run: Run, tmp_path: Path, platform: Platform) -> None:
    platform.kept = {"calendars": {"c1": {"id": "c1", "name": "Büro", "zone": "Europe/Berlin", "windows": [], "etag": "1"}}}
    out = tmp_path / "out"
    assert run("admin", "export", "-f", str(out), "--resource", "calendars").code == ExitCode.OK
    assert (out / "calendars.yaml").read_text() == "resource: calendars\nname: Büro\nzone: Europe/Berlin\n"
    assert run("admin", "apply", "-f", str(out), "--plan").code == ExitCode.OK
    assert "'webhooks' is not configured this way" in run("admin", "export", "-f", str(out), "--resource", "webhooks").err
    assert "'users' is not configured this way" in run("admin", "export", "-f", str(out), "--resource", "users").err


def test_what_has_no_name_of_its_own_is_known_by_what_tells_it_apart(run: Run, folder: Path, platform: Platform) -> None:
    laptop = {"id": "i1", "title": "Laptop", "category": "hardware", "etag": "1"}
    english = {"id": "t1", "name": "incident-opened", "channel": "MAIL", "locale": "en", "subject": "Hello", "etag": "1"}
    rule = {"id": "r1", "name": "Requesters hear", "shipped": "requester-opened", "order": 10, "etag": "1"}
    platform.kept = {"catalogItems": {"i1": laptop}, "templates": {"t1": english}, "notificationRules": {"r1": rule}}
    write(
        folder,
        "resource: catalogItems\ntitle: Laptop\ncategory: devices\n",
        "resource: templates\nname: incident-opened\nchannel: MAIL\nlocale: de\nsubject: Hallo\nbody: x\n",
        "resource: notificationRules\nname: Ours\neventTypes: [itsm.incident.v1.IncidentOpened]\n",
    )
    ended = run("admin", "apply", "-f", str(folder), "--prune", "--yes")
    assert ended.code == ExitCode.OK
    assert ended.out.splitlines() == [
        "~ catalogItems/Laptop",
        '    category: "hardware" → "devices"',
        "+ templates/incident-opened/MAIL/de",
        "- templates/incident-opened/MAIL/en",
        "+ notificationRules/Ours",
    ], "what comes with the platform is not pruned"
    assert platform.kept["catalogItems"]["i1"]["category"] == "devices"
    assert run("admin", "apply", "-f", str(folder), "--plan", "--prune").code == ExitCode.OK
    write(folder, "resource: templates\nname: incident-opened\nchannel: MAIL\n")
    assert "locale is missing" in run("admin", "apply", "-f", str(folder)).err
