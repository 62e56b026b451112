"""`itsm auth verify-realm` against a Keycloak that answers over HTTP: what it is told, and how it ends."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from cli.errors import ExitCode
from tests.unit.cli.conftest import Run

SECRET = "of-the-client"


class _Keycloak(BaseHTTPRequestHandler):
    """A server without our realm."""

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        good = self.path.startswith("/realms/master/") and form["client_secret"] == [SECRET]
        self._answer(200 if good else 401, {"access_token": "t", "expires_in": 60} if good else {"error": "invalid_client"})

    def do_GET(self) -> None:
        self._answer(404, {"error": "Realm not found."})

    def _answer(self, status: int, body: dict[str, object]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing is written."""


@pytest.fixture
def keycloak() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Keycloak)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_what_is_missing_is_told_with_its_fix_and_ends_with_one(run: Run, keycloak: str) -> None:
    ended = run("auth", "verify-realm", "--keycloak", keycloak, "--client-id", "looks", stdin=SECRET + "\n")
    assert ended.code == ExitCode.ERROR
    (told,) = [json.loads(line) for line in ended.out.splitlines()]
    assert told["difference"] == "realm itsm: missing"
    assert told["fix"].startswith("create the realm itsm")


def test_the_environment_says_what_no_option_says(run: Run, keycloak: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"URL": keycloak, "REALM": "other", "CLIENT_ID": "looks", "CLIENT_SECRET": SECRET}.items():
        monkeypatch.setenv(f"ITSM_KEYCLOAK_{name}", value)
    assert "realm other: missing" in run("auth", "verify-realm").out
    assert "realm mine: missing" in run("auth", "verify-realm", "--realm", "mine").out


def test_a_wrong_secret_and_a_missing_address_are_told_and_the_secret_is_not(run: Run, keycloak: str) -> None:
    refused = run("auth", "verify-realm", "--keycloak", keycloak, "--client-id", "looks", stdin="wrong-one\n")
    assert (refused.code, refused.out) == (ExitCode.ERROR, "")
    assert "not reached or refused" in refused.err
    assert "wrong-one" not in refused.err
    nowhere = run("auth", "verify-realm", stdin="wrong-one\n")
    assert "keycloak_url" in nowhere.err
    assert nowhere.code == ExitCode.ERROR
