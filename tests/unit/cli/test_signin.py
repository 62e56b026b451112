"""Signing in, staying signed in, and what a token is never sent to."""

import base64
import hashlib
import json
import stat
import time
from pathlib import Path

import pytest

from cli.credentials import Credentials, Renewal
from cli.errors import ExitCode
from tests.unit.cli.conftest import Run
from tests.unit.cli.platform import TOKEN, Platform


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Path:
    """The file that a sign-in is kept in; the environment says nothing."""
    monkeypatch.delenv("ITSM_URL")
    monkeypatch.delenv("ITSM_TOKEN")
    return tmp_path / "config" / "credentials.json"


def test_a_token_from_stdin_is_tried_and_kept_for_its_owner_only(run: Run, stored: Path, platform: Platform) -> None:
    ended = run("login", "--url", platform.url + "/", "--token", stdin=TOKEN + "\n")
    assert ended.code == ExitCode.OK
    assert ended.out == ""
    assert f"Signed in at {platform.url} as ann." in ended.err
    assert TOKEN not in ended.err
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    assert stat.S_IMODE(stored.parent.stat().st_mode) == 0o700
    assert json.loads(run("whoami").out)["subject"] == "ann"


def test_a_token_that_is_not_taken_is_not_kept(run: Run, stored: Path, platform: Platform) -> None:
    assert run("login", "--url", platform.url, "--token", stdin="pat_bad").code == ExitCode.AUTH
    assert not stored.exists()


@pytest.mark.parametrize("given", ["", "\n", "two words", "pat_\u00e9", "pat_\x00x"])
def test_what_is_no_token_is_refused_without_showing_it(run: Run, stored: Path, platform: Platform, given: str) -> None:
    ended = run("login", "--url", platform.url, "--token", stdin=given)
    assert ended.code == ExitCode.ERROR
    assert platform.requests == []
    assert not given.strip() or given not in ended.err


@pytest.mark.parametrize("options", [[], ["--token", "--device"]])
def test_one_way_of_signing_in_is_chosen(run: Run, stored: Path, options: list[str]) -> None:
    assert run("login", "--url", "http://127.0.0.1:1", *options).code == ExitCode.USAGE


@pytest.mark.parametrize("url", ["itsm.example.com", "ftp://x", "http://", "https://user:pw@x", "https://x/?a=b"])
def test_what_is_no_address_is_refused(run: Run, stored: Path, url: str) -> None:
    ended = run("login", "--url", url, "--token", stdin=TOKEN)
    assert ended.code == ExitCode.ERROR
    assert "is no address of a platform" in ended.err


def test_nobody_is_signed_in_at_first(run: Run, stored: Path) -> None:
    ended = run("inc", "list")
    assert ended.code == ExitCode.AUTH
    assert "itsm login" in ended.err


def test_a_stored_token_is_sent_to_its_own_address_only(
    run: Run, stored: Path, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    Credentials(url="https://other.example", token="pat_secret").save(stored.parent)
    monkeypatch.setenv("ITSM_URL", platform.url)
    assert run("inc", "list").code == ExitCode.AUTH
    assert platform.requests == []


def test_a_redirect_does_not_take_the_token_along(run: Run, platform: Platform) -> None:
    platform.upcoming.append((302, {"location": f"{platform.url}/elsewhere"}, {}))
    ended = run("inc", "list")
    assert ended.code == ExitCode.ERROR
    assert len(platform.requests) == 1


def test_a_file_that_others_can_read_is_not_used(run: Run, stored: Path, platform: Platform) -> None:
    Credentials(url=platform.url, token=TOKEN).save(stored.parent)
    stored.chmod(0o644)
    ended = run("whoami")
    assert ended.code == ExitCode.ERROR
    assert "chmod 600" in ended.err


def test_a_damaged_file_is_told(run: Run, stored: Path) -> None:
    stored.parent.mkdir()
    stored.write_text("{")
    stored.chmod(0o600)
    assert "is damaged" in run("whoami").err


def test_signing_out_forgets(run: Run, stored: Path, platform: Platform) -> None:
    Credentials(url=platform.url, token=TOKEN).save(stored.parent)
    assert run("logout").code == ExitCode.OK
    assert not stored.exists()
    assert run("logout").code == ExitCode.OK


def test_a_token_in_the_environment_that_fits_no_header_is_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITSM_TOKEN", "pat_x\ny")
    ended = run("whoami")
    assert ended.code == ExitCode.ERROR
    assert "pat_x" not in ended.err


def test_the_device_flow_proves_itself_with_its_verifier(run: Run, stored: Path, platform: Platform) -> None:
    platform.device_answers.extend(
        [
            (400, {"error": "authorization_pending"}),
            (200, {"access_token": TOKEN, "refresh_token": "r1", "expires_in": 300}),
        ]
    )
    ended = run("login", "--url", platform.url, "--device")
    assert ended.code == ExitCode.OK
    assert "WDJB-MJHT" in ended.err
    begun, *asked = platform.forms
    assert (begun["client_id"], begun["scope"], begun["code_challenge_method"]) == ("itsm-cli", "openid itsm", "S256")
    digest = hashlib.sha256(asked[0]["code_verifier"].encode()).digest()
    assert begun["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert asked[1] == asked[0]
    assert json.loads(stored.read_text())["renewal"]["refresh_token"] == "r1"


@pytest.mark.parametrize("error", ["access_denied", "expired_token", "invalid_grant"])
def test_a_declined_device_is_not_signed_in(run: Run, stored: Path, platform: Platform, error: str) -> None:
    platform.device_answers.append((400, {"error": error, "error_description": "said no"}))
    ended = run("login", "--url", platform.url, "--device")
    assert ended.code == ExitCode.AUTH
    assert "said no" in ended.err
    assert not stored.exists()


def test_a_device_that_is_never_confirmed_is_given_up(run: Run, stored: Path, platform: Platform) -> None:
    platform.device |= {"expires_in": 0.2, "interval": 0.05}
    platform.device_answers.extend([(400, {"error": "authorization_pending"})] * 10)
    ended = run("login", "--url", platform.url, "--device")
    assert ended.code == ExitCode.AUTH
    assert "not confirmed in time" in ended.err


def test_a_platform_without_the_device_flow_says_so(run: Run, stored: Path, platform: Platform) -> None:
    platform.upcoming.append((404, {}, {"title": "There is no such thing"}))
    ended = run("login", "--url", platform.url, "--device")
    assert ended.code == ExitCode.ERROR
    assert "not offered here" in ended.err


def test_a_token_that_ends_is_renewed_and_the_new_one_kept(run: Run, stored: Path, platform: Platform) -> None:
    endpoint = f"{platform.url}/realm/token"
    renewal = Renewal(refresh_token="r1", expires=time.time() + 5, token_endpoint=endpoint, client_id="itsm-cli")
    Credentials(url=platform.url, token="old", renewal=renewal).save(stored.parent)
    platform.device_answers.append((200, {"access_token": TOKEN, "refresh_token": "r2", "expires_in": 300}))
    assert run("whoami").code == ExitCode.OK
    assert platform.forms == [{"grant_type": "refresh_token", "client_id": "itsm-cli", "refresh_token": "r1"}]
    assert json.loads(stored.read_text())["renewal"]["refresh_token"] == "r2"


def test_a_session_that_is_over_asks_for_a_new_sign_in(run: Run, stored: Path, platform: Platform) -> None:
    endpoint = f"{platform.url}/realm/token"
    renewal = Renewal(refresh_token="r1", expires=0, token_endpoint=endpoint, client_id="itsm-cli")
    Credentials(url=platform.url, token="old", renewal=renewal).save(stored.parent)
    platform.device_answers.append((400, {"error": "invalid_grant", "error_description": "Session not active"}))
    ended = run("whoami")
    assert ended.code == ExitCode.AUTH
    assert "Session not active" in ended.err


def test_the_status_tells_what_is_open(run: Run, platform: Platform) -> None:
    platform.add()
    found = json.loads(run("status").out)
    assert found["user"] == "ann"
    assert found["incidents"] == {"open": 1, "openP1": 1, "unassigned": 1, "onHold": 1}


def test_a_token_can_be_typed_and_is_not_shown(terminal: Run, platform: Platform) -> None:
    typed = ("Personal access token", TOKEN + "\n")
    ended = terminal("login", "--url", platform.url, "--token", typed=typed, ITSM_TOKEN="", NO_COLOR="1")
    assert ended.code == ExitCode.OK
    assert "Signed in at" in ended.out
    assert TOKEN not in ended.out
