"""Commands as a script and as a person see them."""

import csv
import io
import json

import pytest

from cli.errors import ExitCode
from cli.output import span
from tests.unit.cli.conftest import Run
from tests.unit.cli.platform import Platform, problem


def test_a_list_in_a_pipe_is_json_lines_with_every_field(run: Run, platform: Platform) -> None:
    platform.add(title="Mail is slow")
    platform.add(title="VPN is down")
    ended = run("inc", "list")
    assert ended.code == ExitCode.OK
    assert [json.loads(line) for line in ended.out.splitlines()] == list(platform.incidents.values())
    assert ended.err == ""


def test_a_list_on_a_terminal_is_a_table(terminal: Run, platform: Platform) -> None:
    platform.add(title="Mail is slow", state="ON_HOLD", holdReason="VENDOR")
    ended = terminal("inc", "list")
    assert ended.code == ExitCode.OK
    for shown in ("NUMBER", "INC0000001", "Mail is slow", "On hold · vendor", "2026-11-23 08:00"):
        assert shown in ended.out
    assert "{" not in ended.out


def test_colors_are_left_out_where_nobody_wants_them(terminal: Run, platform: Platform) -> None:
    platform.add(priority="P1")
    assert "\x1b[1;31mP1" in terminal("inc", "list").out
    assert "\x1b[1;31m" not in terminal("inc", "list", NO_COLOR="1").out


def test_a_title_cannot_steer_the_terminal(terminal: Run, platform: Platform) -> None:
    platform.add(title="safe\x1b[2J\x1b]0;owned\x07\u202egnp.exe [bold]loud[/bold]")
    shown = terminal("inc", "list", "--fields", "number,title").out
    assert "\x1b[2J" not in shown
    assert "\x07" not in shown
    assert "\u202e" not in shown
    assert "[bold]loud[/bold]" in shown


def test_every_page_is_fetched_when_all_are_wanted(run: Run, platform: Platform) -> None:
    for _ in range(450):
        platform.add()
    assert len(run("inc", "list", "--all").out.splitlines()) == 450
    assert [request.query["pageSize"] for request in platform.requests] == [["200"]] * 3


def test_a_limit_is_kept_across_pages(run: Run, platform: Platform) -> None:
    for _ in range(450):
        platform.add()
    assert len(run("inc", "list", "--limit", "230").out.splitlines()) == 230
    assert [request.query["pageSize"] for request in platform.requests] == [["200"], ["30"]]


def test_filter_and_order_are_passed_on_as_they_are(run: Run, platform: Platform) -> None:
    run("inc", "list", "--filter", 'teamId = "net" AND priority = P1', "--order-by", "createTime desc")
    assert platform.requests[0].query["filter"] == ['teamId = "net" AND priority = P1']
    assert platform.requests[0].query["orderBy"] == ["createTime desc"]


def test_json_is_one_array(run: Run, platform: Platform) -> None:
    platform.add()
    assert json.loads(run("inc", "list", "-o", "json").out) == list(platform.incidents.values())


def test_a_formula_is_harmless_in_csv_and_exact_in_json(run: Run, platform: Platform) -> None:
    platform.add(title='=HYPERLINK("http://x","y")', reopenCount=-1)
    rows = list(csv.DictReader(io.StringIO(run("inc", "list", "-o", "csv").out)))
    assert rows[0]["title"] == '\'=HYPERLINK("http://x","y")'
    assert rows[0]["reopenCount"] == "-1"
    assert json.loads(run("inc", "list").out)["title"].startswith("=HYPERLINK")


def test_one_incident_is_shown_with_its_timeline(terminal: Run, platform: Platform) -> None:
    clock = {"kind": "RESOLVE", "state": "RUNNING", "elapsed": "5400s", "target": "14400s", "dueTime": "2026-11-23T12:00:00Z"}
    platform.add(description="Since nine", teamId="net", clocks=[clock])
    ended = terminal("inc", "show", "INC0000001", "--timeline")
    for shown in ("Mail is slow", "Since nine", "net", "1 h 30 min", "IncidentAssigned", "state: NEW → ASSIGNED"):
        assert shown in ended.out


def test_show_takes_several_and_tells_which_one_is_missing(run: Run, platform: Platform) -> None:
    platform.add()
    ended = run("inc", "show", "INC0000001", "INC9", "INC0000001")
    assert ended.code == ExitCode.NOT_FOUND
    assert len(ended.out.splitlines()) == 1
    assert "INC9: There is no such thing" in ended.err


def test_create_sends_what_was_said_and_nothing_else(run: Run, platform: Platform) -> None:
    ended = run("inc", "create", "-t", "VPN is down", "--impact", "high", "--asset", "a1", "--asset", "a2")
    assert ended.code == ExitCode.OK
    assert platform.requests[0].body == {"title": "VPN is down", "impact": "HIGH", "assetIds": ["a1", "a2"]}
    assert json.loads(ended.out)["number"] == "INC0000001"


def test_a_description_is_read_from_stdin(run: Run, platform: Platform) -> None:
    run("inc", "create", "-t", "x", "-d", "-", stdin="first\nsecond\n")
    assert platform.requests[0].body["description"] == "first\nsecond"


def test_each_write_carries_a_key_of_its_own(run: Run, platform: Platform) -> None:
    platform.add()
    platform.add()
    run("inc", "start", "INC0000001", "INC0000002")
    keys = {request.headers["idempotency-key"] for request in platform.requests}
    assert len(keys) == 2


def test_a_dry_run_prints_the_request_and_sends_nothing(run: Run, platform: Platform) -> None:
    ended = run("inc", "resolve", "INC0000001", "-m", "Disk replaced", "--dry-run")
    sent = {"resolutionCode": "fixed", "resolution": "Disk replaced"}
    assert json.loads(ended.out) == {"method": "POST", "path": "/api/v1/incidents/INC0000001:resolve", "body": sent}
    assert platform.requests == []


@pytest.mark.parametrize(
    ("arguments", "verb", "body"),
    [
        (["assign", "--team", "net", "--to", "ann"], "assign", {"teamId": "net", "assigneeId": "ann"}),
        (["start"], "start", {}),
        (["hold", "--reason", "caller", "-m", "Which one?"], "hold", {"reason": "CALLER", "note": "Which one?"}),
        (["resume"], "resume", {}),
        (["resolve", "-m", "Done"], "resolve", {"resolutionCode": "fixed", "resolution": "Done"}),
        (["reopen", "-m", "Again"], "reopen", {"reason": "Again"}),
        (["close"], "close", {}),
        (["cancel", "-m", "duplicate"], "cancel", {"reason": "duplicate"}),
    ],
)
def test_each_verb_says_what_it_was_given(run: Run, platform: Platform, arguments: list[str], verb: str, body: object) -> None:
    platform.add()
    ended = run("inc", arguments[0], "INC0000001", *arguments[1:])
    assert ended.code == ExitCode.OK
    assert platform.requests[0].path == f"/api/v1/incidents/INC0000001:{verb}"
    assert platform.requests[0].body == body


def test_a_verb_goes_on_after_a_failure_and_ends_with_its_code(run: Run, platform: Platform) -> None:
    platform.add(state="CLOSED")
    platform.add()
    ended = run("inc", "start", "INC0000001", "INC0000002")
    assert ended.code == ExitCode.CONFLICT
    assert [json.loads(line)["number"] for line in ended.out.splitlines()] == ["INC0000002"]
    assert "start is not possible in CLOSED" in ended.err


def test_a_version_is_sent_as_if_match_and_a_stale_one_is_a_conflict(run: Run, platform: Platform) -> None:
    platform.add()
    assert run("inc", "start", "INC0000001", "--etag", "1").code == ExitCode.OK
    assert platform.requests[0].headers["if-match"] == '"1"'
    assert run("inc", "start", "INC0000001", "--etag", "0").code == ExitCode.CONFLICT


def test_a_version_is_about_one_incident(run: Run, platform: Platform) -> None:
    assert run("inc", "start", "INC1", "INC2", "--etag", "1").code == ExitCode.USAGE
    assert platform.requests == []


def test_a_note_is_internal_unless_said_otherwise(run: Run, platform: Platform) -> None:
    platform.add()
    run("inc", "note", "INC0000001", "-m", "Called the vendor")
    run("inc", "note", "INC0000001", "-m", "We are on it", "--public")
    assert [request.body["public"] for request in platform.requests] == [False, True]


def test_a_number_cannot_lead_to_another_path(run: Run, platform: Platform) -> None:
    run("inc", "show", "../kpis/mttr?x=1")
    assert platform.requests[0].path == "/api/v1/incidents/..%2Fkpis%2Fmttr%3Fx%3D1"


def test_a_refusal_points_into_the_request(run: Run) -> None:
    ended = run("inc", "create", "-t", "x", "--impact", "huge")
    assert ended.code == ExitCode.REFUSED
    assert "The request is understood but not valid" in ended.err
    assert "/impact  is no level" in ended.err
    assert ended.out == ""


def test_the_trace_id_is_told_on_request(run: Run, platform: Platform) -> None:
    assert "4bf92f3577b34da6" not in run("inc", "show", "INC9").err
    assert "trace 4bf92f3577b34da6" in run("inc", "show", "INC9", "--trace").err
    platform.add()
    trace = run("inc", "show", "INC0000001", "--trace").err.split()[1]
    assert platform.requests[-1].headers["traceparent"].split("-")[1] == trace


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 4), (401, 6), (403, 4), (404, 8), (409, 7), (410, 8), (412, 7), (413, 4), (422, 4), (428, 4), (500, 1), (504, 1)],
)
def test_the_exit_code_tells_what_the_platform_said(run: Run, platform: Platform, status: int, code: int) -> None:
    platform.upcoming.append(problem(status, "Title", "Detail"))
    ended = run("inc", "list")
    assert ended.code == code
    assert "Title" in ended.err
    assert "Detail" in ended.err


@pytest.mark.parametrize(
    ("levels", "way"),
    [("urn:itsm:loa:2", "/auth/login?stepUp=true"), ("urn:itsm:loa:1 urn:itsm:loa:2", "login --url URL --device")],
)
def test_what_is_sensitive_says_how_the_proof_is_given(run: Run, platform: Platform, levels: str, way: str) -> None:
    status, headers, document = problem(401, "Sign in first", "this is sensitive: sign in once more")
    wanted = {"reason": "INSUFFICIENT_USER_AUTHENTICATION", "acrValues": levels, "maxAge": "900"}
    platform.upcoming.append((status, headers, {**document, **wanted}))
    ended = run("inc", "list")
    assert ended.code == ExitCode.AUTH
    assert "this is sensitive" in ended.err
    assert way in ended.err.replace("\n", "")
    assert ("by device cannot" in ended.err) is ("loa:1" not in levels)


def test_wrong_usage_is_told_as_such(run: Run) -> None:
    assert run("inc", "list", "--nonsense").code == ExitCode.USAGE
    assert run("inc", "list", "--limit", "0").code == ExitCode.USAGE


def test_an_answer_that_is_no_problem_document_still_reads(run: Run, platform: Platform) -> None:
    platform.upcoming.append((502, {"content-type": "text/html"}, b"<html>Bad gateway</html>"))
    ended = run("inc", "list")
    assert ended.code == ExitCode.ERROR
    assert "the platform answered 502" in ended.err


def test_something_else_at_the_address_is_recognized(run: Run, platform: Platform) -> None:
    platform.upcoming.append((200, {"content-type": "text/html"}, b"<html>Hello</html>"))
    ended = run("inc", "list")
    assert ended.code == ExitCode.ERROR
    assert "is this the platform?" in ended.err


def test_a_figure_is_exact_in_a_pipe(run: Run, platform: Platform) -> None:
    ended = run("kpi", "show", "mttr-resolve", "--group-by", "team", "--from", "2016-03-01", "--to", "2016-04-01T00:00:00Z")
    row = {"group": "net", "value": 16244.5, "median": 10800.0, "p90": 200000.0, "count": 12, "series": ""}
    assert json.loads(ended.out) == row
    query = {"groupBy": ["team"], "from": ["2016-03-01T00:00:00Z"], "to": ["2016-04-01T00:00:00Z"]}
    assert platform.requests[0].query == query


@pytest.mark.parametrize(("unit", "shown"), [("s", "4 h 30 min"), ("ratio", "1624450.0 %"), ("incidents", "16,244.5")])
def test_a_figure_on_a_terminal_reads_in_its_unit(terminal: Run, platform: Platform, unit: str, shown: str) -> None:
    platform.unit = unit
    out = terminal("kpi", "show", "mttr-resolve").out
    assert shown in out
    assert "SERIES" not in out


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (42, "42 s"), (60, "1 min"), (5400, "1 h 30 min"), (3600, "1 h"), (273_600, "3 d 4 h"), (-90, "-1 min")],
)
def test_a_duration_reads_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_figures_are_listed_without_parameters(run: Run, platform: Platform) -> None:
    assert json.loads(run("kpi", "list").out)["name"] == "mttr-resolve"
    assert platform.requests[0].query == {}


def test_any_request_can_be_sent(run: Run, platform: Platform) -> None:
    platform.add()
    ended = run("api", "get", "/api/v1/incidents", "-F", "pageSize=1", "-F", "filter=a = b")
    assert json.loads(ended.out)["incidents"][0]["number"] == "INC0000001"
    assert platform.requests[0].query == {"pageSize": ["1"], "filter": ["a = b"]}
    run("api", "POST", "/api/v1/incidents", "-d", "-", stdin='{"title": "x"}')
    assert platform.requests[1].body == {"title": "x"}


@pytest.mark.parametrize("path", ["http://127.0.0.1:1/x", "//127.0.0.1:1/x", "api/v1"])
def test_a_request_goes_to_the_platform_only(run: Run, platform: Platform, path: str) -> None:
    assert run("api", "GET", path).code == ExitCode.ERROR
    assert platform.requests == []
