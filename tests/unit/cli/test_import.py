"""`itsm import servicenow` against a platform that can be busy, broken or particular."""

import json
import re
import threading
import time
from pathlib import Path

import pytest

from cli import importing
from cli.errors import ExitCode
from cli.sending import MAX_BYTES, MAX_INCIDENTS
from tests.unit.cli.conftest import CTRL_C, Ended, Run
from tests.unit.cli.logs import log, row
from tests.unit.cli.platform import Platform, problem


@pytest.fixture
def load(run: Run, tmp_path: Path) -> Run:
    """Imports a log of these lines."""

    def load_it(*lines: str | bytes, options: tuple[str, ...] = ()) -> Ended:
        path = tmp_path / "log.csv"
        path.write_bytes(log(*lines))
        return run("import", "servicenow", str(path), *options)

    return load_it


def many(count: int) -> list[str]:
    return [row(number=f"INC{number:07}") for number in range(count)]


def sent(platform: Platform) -> list[int]:
    return [len(request.body["incidents"]) for request in platform.requests]


def test_the_summary_in_a_pipe_is_one_json_object(load: Run) -> None:
    ended = load(*many(120))
    assert ended.code == ExitCode.OK
    assert json.loads(ended.out) == {"created": 120, "unchanged": 0, "refused": [], "rows": 120}
    assert ended.err == ""


def test_the_second_import_leaves_all_as_it_is(load: Run) -> None:
    load(*many(120))
    assert json.loads(load(*many(120)).out) == {"created": 0, "unchanged": 120, "refused": [], "rows": 120}


def test_chunks_hold_at_most_fifty_incidents_and_name_their_source(load: Run, platform: Platform) -> None:
    load(*many(120))
    assert sorted(sent(platform)) == [20, MAX_INCIDENTS, MAX_INCIDENTS]
    assert {request.body["source"] for request in platform.requests} == {"servicenow"}


def test_chunks_stay_below_their_size(load: Run, platform: Platform) -> None:
    long = "é" * 7_000
    lines = [
        row(number=f"INC{number:07}", sys_mod_count=str(update), assigned_to=long)
        for number in range(30)
        for update in range(5)
    ]
    assert json.loads(load(*lines).out)["created"] == 30
    assert len(platform.requests) > 2
    assert max(request.size for request in platform.requests) <= MAX_BYTES


def test_two_chunks_are_in_flight_and_no_more(load: Run, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = threading.Barrier(2)
    answer, inside, most = platform.answer, [0], [0]

    def slow(request: object) -> object:
        with platform.lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        pair.wait(timeout=10)  # nobody gets through alone
        with platform.lock:
            inside[0] -= 1
        return answer(request)  # type: ignore[arg-type]

    monkeypatch.setattr(platform, "answer", slow)
    assert json.loads(load(*many(200)).out)["created"] == 200
    assert most[0] == 2


def test_a_bad_row_is_told_with_its_line_and_the_rest_goes_in(load: Run, platform: Platform) -> None:
    ended = load(row(number="A"), row(number="A", sys_mod_count="1", sys_updated_at="soon"), "half,a,row", row(number="B"))
    assert ended.code == ExitCode.ERROR
    assert json.loads(ended.out) == {
        "created": 2,
        "unchanged": 0,
        "refused": [
            {"line": 3, "number": "A", "reason": "sys_updated_at: 'soon' is not a date like 29-02-2016 01:16"},
            {"line": 4, "number": "", "reason": "has 3 columns instead of 36"},
        ],
        "rows": 4,
    }
    assert set(platform.imported) == {"A", "B"}


def test_an_incident_that_the_platform_refuses_is_told_with_its_line(load: Run, platform: Platform) -> None:
    platform.refuse_numbers = {"INC0000001"}
    ended = load(*many(3))
    assert ended.code == ExitCode.ERROR
    refused = [{"line": 3, "number": "INC0000001", "reason": "its history makes no sense"}]
    assert json.loads(ended.out) == {"created": 2, "unchanged": 0, "refused": refused, "rows": 3}


def test_one_incident_that_spoils_its_chunk_does_not_take_the_others_along(load: Run, platform: Platform) -> None:
    platform.break_numbers = {"INC0000033"}
    ended = load(*many(50))
    assert json.loads(ended.out)["created"] == 49
    assert [each["number"] for each in json.loads(ended.out)["refused"]] == ["INC0000033"]


def test_a_busy_platform_is_waited_for(load: Run, platform: Platform) -> None:
    platform.upcoming.extend([(503, {"retry-after": "0"}, {}), (429, {"retry-after": "0"}, {}), (0, {}, None)])
    assert json.loads(load(*many(60)).out)["created"] == 60


def test_an_interrupted_import_goes_on_where_it_stopped(load: Run, platform: Platform) -> None:
    broken = problem(500, "Something went wrong on our side", "it is logged")
    platform.upcoming.extend([(503, {"retry-after": "0"}, {})] * 2)
    platform.break_numbers = set()
    first = platform.answer

    def fail_later(request: object) -> object:
        return broken if len(platform.imported) >= 100 else first(request)  # type: ignore[arg-type]

    platform.answer = fail_later  # type: ignore[method-assign, assignment]
    ended = load(*many(250))
    assert ended.code == ExitCode.ERROR
    assert ended.out == ""
    assert "the same command again goes on from there" in ended.err
    there = len(platform.imported)
    assert 100 <= there < 250
    platform.answer = first  # type: ignore[method-assign]
    assert json.loads(load(*many(250)).out) == {"created": 250 - there, "unchanged": there, "refused": [], "rows": 250}


def test_a_token_that_is_not_taken_ends_the_import_at_once(
    load: Run, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITSM_TOKEN", "pat_bad")
    assert load(*many(500)).code == ExitCode.AUTH
    assert len(platform.requests) <= 3


def test_an_answer_that_leaves_incidents_out_is_no_success(load: Run, platform: Platform) -> None:
    platform.upcoming.append((200, {}, {"results": []}))
    ended = load(*many(2))
    assert ended.code == ExitCode.ERROR
    assert "0 results for 2 incidents" in ended.err


def test_a_dry_run_gives_the_same_verdicts_and_sends_nothing(load: Run, platform: Platform) -> None:
    lines = (*many(3), row(incident_state="Lost"))
    ended = load(*lines, options=("--dry-run",))
    assert ended.code == ExitCode.ERROR
    dry = json.loads(ended.out)
    assert (dry["dryRun"], dry["incidents"], dry["rows"]) == (True, 3, 4)
    assert platform.requests == []
    assert dry["refused"] == json.loads(load(*lines).out)["refused"]


def test_a_dry_run_needs_no_sign_in(load: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ITSM_URL")
    monkeypatch.delenv("ITSM_TOKEN")
    assert load(*many(3), options=("--dry-run",)).code == ExitCode.OK


def test_refusals_can_be_had_as_csv(load: Run) -> None:
    assert load("x", options=("-o", "csv")).out == "line,number,reason\n2,,has 1 columns instead of 36\n"


def test_a_file_that_is_no_log_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("number,incident_state,sys_mod_count,sys_updated_at\n1,2,3,4\n")
    ended = run("import", "servicenow", str(tmp_path / "x.csv"))
    assert ended.code == ExitCode.ERROR
    assert "is no event log: the header lacks active" in ended.err


def test_a_person_sees_a_sentence_and_the_first_refusals(terminal: Run, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(log(*many(3), *["x"] * 30))
    ended = terminal("import", "servicenow", str(tmp_path / "log.csv"), NO_COLOR="1")
    assert ended.code == ExitCode.ERROR
    assert "3 created, 0 unchanged, 30 refused  (33 rows)" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", ended.out)
    assert ended.out.count("has 1 columns instead of 36") == importing.TOLD
    assert "and 10 more" in ended.out


def test_ctrl_c_ends_an_import_soon_even_while_it_waits(terminal: Run, platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(log(*many(300)))
    platform.upcoming.extend([(503, {"retry-after": "100"}, {})] * 4)
    begun = time.monotonic()
    ended = terminal("import", "servicenow", str(tmp_path / "log.csv"), typed=("trying again in 100 s", CTRL_C))
    assert ended.code == ExitCode.INTERRUPTED
    assert "the same command again goes on from there" in ended.out
    assert time.monotonic() - begun < 30
