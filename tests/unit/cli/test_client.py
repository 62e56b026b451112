"""How often and how long a request is tried, and what a pipe that closes does."""

import email.utils
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli import client
from cli.client import Client
from cli.errors import CliError, ExitCode, Problem
from tests.unit.cli.conftest import ROOT, Run
from tests.unit.cli.platform import TOKEN, Platform


def connected(platform: Platform, patience: float = 5) -> Client:
    return Client(platform.url, lambda: TOKEN, patience=patience)


def test_a_busy_answer_is_tried_again_under_the_same_key(platform: Platform) -> None:
    platform.upcoming.extend([(429, {"retry-after": "0"}, {}), (503, {}, {})])
    answer = connected(platform).send("POST", "/api/v1/incidents", body={"title": "x"})
    assert answer.status == 201
    assert len(platform.requests) == 3
    assert len({request.headers["idempotency-key"] for request in platform.requests}) == 1


def test_a_connection_that_breaks_is_tried_again(platform: Platform) -> None:
    platform.upcoming.append((0, {}, None))
    assert connected(platform).send("POST", "/api/v1/incidents", body={"title": "x"}).status == 201
    assert len(platform.incidents) == 1


@pytest.mark.parametrize("asked", ["1", "date"])
def test_it_waits_as_long_as_it_is_asked_to(platform: Platform, asked: str) -> None:
    text = email.utils.formatdate(time.time() + 2, usegmt=True) if asked == "date" else asked
    platform.upcoming.append((503, {"retry-after": text}, {}))
    begun = time.monotonic()
    connected(platform).get("/api/v1/users:whoami")
    assert 0.9 <= time.monotonic() - begun < 30


def test_it_gives_up_at_once_where_it_would_wait_beyond_its_patience(platform: Platform) -> None:
    platform.upcoming.append((503, {"retry-after": "3600"}, {"title": "Too much to do at the moment"}))
    begun = time.monotonic()
    with pytest.raises(Problem, match="Too much to do"):
        connected(platform).get("/api/v1/users:whoami")
    assert time.monotonic() - begun < 15
    assert len(platform.requests) == 1


def test_it_tries_six_times_at_most(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_WAIT", 0.01)
    platform.upcoming.extend([(503, {}, {})] * 20)
    with pytest.raises(Problem):
        connected(platform, patience=60).get("/api/v1/users:whoami")
    assert len(platform.requests) == client.TRIES


@pytest.mark.parametrize("status", [400, 409, 500, 502, 504])
def test_other_answers_are_not_tried_again(platform: Platform, status: int) -> None:
    platform.upcoming.append((status, {}, {}))
    with pytest.raises(Problem):
        connected(platform).get("/api/v1/users:whoami")
    assert len(platform.requests) == 1


def test_nobody_at_the_address_is_told_in_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITSM_URL", "http://127.0.0.1:1")
    ended = run("inc", "list")
    assert ended.code == ExitCode.ERROR
    assert ended.err.startswith("http://127.0.0.1:1 does not answer: ")


def test_an_address_that_is_none_is_no_crash(platform: Platform) -> None:
    with pytest.raises(CliError):
        Client("http://127.0.0.1:99999", lambda: TOKEN).get("/api/v1/users:whoami")


def test_a_reader_that_goes_away_ends_it_quietly(platform: Platform, tmp_path: Path) -> None:
    for _ in range(2000):
        platform.add(title="x" * 200)
    environment = {"PATH": os.environ["PATH"], "ITSM_URL": platform.url, "ITSM_TOKEN": TOKEN, "ITSM_CONFIG_DIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "inc", "list", "--all"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == ExitCode.OK
    process.stderr.close()
