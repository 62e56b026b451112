"""Work on many records from the command line: how many they are, whether that is wanted, and how it ended."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.errors import ExitCode
from tests.unit.cli.conftest import Run
from tests.unit.cli.platform import Platform

SELECTED = {"selection": "c2Vs", "count": 42, "capped": False, "expireTime": "2026-05-04T12:00:00Z"}


def job(state: str = "RUNNING", done: int = 0, failed: int = 0, **more: Any) -> dict[str, Any]:
    """A job as the platform tells it."""
    progress = {"done": done, "total": 42, "failed": failed}
    return {"id": "job_1", "kind": "BULK", "state": state, "progress": progress, "reason": "", **more}


def comes(platform: Platform, *answers: Any) -> None:
    """What the platform answers next."""
    platform.upcoming.extend((200, {}, answer) for answer in answers)


def test_what_matches_is_counted_asked_for_and_watched_to_its_end(run: Run, platform: Platform) -> None:
    comes(platform, SELECTED, job("PENDING"), job(done=20), job("SUCCEEDED", done=42))
    ended = run("inc", "bulk", "update", "--filter", "state = NEW", "--set", "title=x=y", "--set", "urgency=high", "--yes")
    assert ended.code == ExitCode.OK, ended.err
    select, create, *looks = platform.requests
    assert (select.path, select.body) == ("/api/v1/incidents:select", {"filter": "state = NEW"})
    assert (create.path, create.body) == (
        "/api/v1/jobs",
        {
            "kind": "BULK",
            "resource": "incidents",
            "action": "update",
            "parameters": {"title": "x=y", "urgency": "HIGH"},
            "selection": "c2Vs",
        },
    )
    assert create.headers["idempotency-key"]
    assert [each.path for each in looks] == ["/api/v1/jobs/job_1"] * 2
    assert json.loads(ended.out)["state"] == "SUCCEEDED"


def test_without_a_yes_nothing_is_done_where_nobody_can_be_asked(run: Run, platform: Platform) -> None:
    comes(platform, SELECTED)
    ended = run("inc", "bulk", "resolve", "--filter", "state = NEW", "--set", "resolution=done")
    assert ended.code == ExitCode.ERROR
    assert "resolve 42 incidents" in ended.err
    assert [each.path for each in platform.requests] == ["/api/v1/incidents:select"]


@pytest.mark.parametrize(("count", "capped", "code"), [(0, False, ExitCode.OK), (100_000, True, ExitCode.ERROR)])
def test_of_nothing_and_of_too_many_no_job_is_made(run: Run, platform: Platform, count: int, capped: bool, code: int) -> None:
    comes(platform, SELECTED | {"count": count, "capped": capped})
    assert run("alert", "bulk", "acknowledge", "--filter", "x = 1", "--yes").code == code
    assert len(platform.requests) == 1


def test_records_that_were_refused_are_told_and_end_it_with_an_error(run: Run, platform: Platform) -> None:
    refused = {"items": [{"id": "inc_7", "problem": {"detail": "it is closed"}}], "nextPageToken": ""}
    comes(platform, job("SUCCEEDED", done=42, failed=1), refused)
    ended = run("job", "watch", "job_1")
    assert ended.code == ExitCode.ERROR
    assert "inc_7  it is closed" in ended.err
    assert platform.requests[-1].query["filter"] == ["state = REFUSED"]


def test_a_job_that_failed_says_why(run: Run, platform: Platform) -> None:
    comes(platform, job("FAILED", reason="the person holds no role any more"))
    ended = run("job", "watch", "job_1")
    assert (ended.code, "holds no role" in ended.err) == (ExitCode.ERROR, True)


def test_an_undo_is_a_job_of_its_own(run: Run, platform: Platform) -> None:
    comes(platform, job("PENDING", id="job_2"), job("SUCCEEDED", done=42, id="job_2"))
    ended = run("job", "undo", "job_1", "--wait")
    assert ended.code == ExitCode.OK, ended.err
    assert [(each.method, each.path) for each in platform.requests] == [
        ("POST", "/api/v1/jobs/job_1:undo"),
        ("GET", "/api/v1/jobs/job_2"),
    ]


def test_a_file_is_fetched_under_its_name_and_under_no_path(
    run: Run, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    comes(platform, job("SUCCEEDED"), job("SUCCEEDED", result={"fileName": "../x.csv"}), {"a": 1})
    assert run("job", "result", "job_1").code == ExitCode.ERROR
    ended = run("job", "result", "job_1")
    assert ended.code == ExitCode.OK, ended.err
    assert json.loads((tmp_path / "here" / "x.csv").read_text()) == {"a": 1}


@pytest.mark.parametrize(
    "arguments",
    [
        ("update", "--set", "title=x"),
        ("update", "--set", "title=x", "--filter", "a = 1", "--id", "inc_1"),
        ("explode", "--id", "inc_1"),
        ("list", "--id", "inc_1"),
        ("update", "--set", "titel=x", "--id", "inc_1"),
        ("update", "--set", "title", "--id", "inc_1"),
        ("update", "--set", "links=nonsense", "--id", "inc_1"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(
    run: Run, platform: Platform, arguments: tuple[str, ...]
) -> None:
    assert run("inc", "bulk", *arguments).code == ExitCode.USAGE
    assert platform.requests == []
