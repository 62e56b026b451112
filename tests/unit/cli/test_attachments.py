"""Files of incidents from the command line: sent as they are, under one key, fetched under their own name."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from cli.errors import ExitCode
from tests.unit.cli.conftest import Run
from tests.unit.cli.platform import Platform

CONTENT = b'{"not": "parsed"}' * 10_000
MADE: dict[str, Any] = {"id": "att_1", "fileName": "../käse.json", "size": len(CONTENT), "etag": "1"}


def test_a_file_is_sent_as_it_is_and_again_under_the_same_key_while_the_platform_is_busy(
    run: Run, platform: Platform, tmp_path: Path
) -> None:
    file = tmp_path / "käse.bin"
    file.write_bytes(CONTENT)
    platform.upcoming.extend([(503, {"retry-after": "0"}, {}), (201, {}, MADE)])
    ended = run("inc", "attach", str(file), "INC0000001", "--internal")
    assert ended.code == ExitCode.OK, ended.err
    first, second = platform.requests
    assert (second.method, second.path, second.query) == (
        "POST", "/api/v1/incidents/INC0000001/attachments", {"internal": ["true"]},
    )  # fmt: skip
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert second.headers["content-disposition"] == "attachment; filename*=UTF-8''k%C3%A4se.bin"
    digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    assert second.headers["content-digest"] == f"sha-256=:{digest}:"
    assert int(second.headers["content-length"]) == first.size == second.size == len(CONTENT)
    assert json.loads(ended.out)["id"] == "att_1"


def test_what_is_no_file_is_told(run: Run, platform: Platform, tmp_path: Path) -> None:
    ended = run("inc", "attach", str(tmp_path / "nowhere"), "INC0000001")
    assert ended.code == ExitCode.ERROR and "nowhere" in ended.err
    assert platform.requests == []


def test_files_are_listed_fetched_beside_each_other_and_removed_at_their_version(
    run: Run, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    platform.upcoming.append((200, {}, {"attachments": [MADE], "nextPageToken": ""}))
    assert json.loads(run("inc", "attachments", "INC0000001").out)["id"] == "att_1"
    platform.upcoming.extend([(200, {}, MADE), (200, {}, {"the": "content"})])
    assert run("inc", "download", "INC0000001", "att_1").code == ExitCode.OK
    assert json.loads((tmp_path / "käse.json").read_bytes()) == {"the": "content"}  # and not in the folder above
    assert platform.requests[-1].path.endswith("/attachments/att_1/content")
    platform.upcoming.append((200, {}, MADE))
    again = run("inc", "download", "INC0000001", "att_1")
    assert again.code == ExitCode.ERROR and "here already" in again.err
    platform.upcoming.extend([(200, {}, MADE), (200, {}, MADE)])
    assert run("inc", "detach", "INC0000001", "att_1").code == ExitCode.OK
    assert (platform.requests[-1].method, platform.requests[-1].headers["if-match"]) == ("DELETE", '"1"')
