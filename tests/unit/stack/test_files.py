"""Files of the stack: passwords stay private and stay the same, and errors of parallel starts are readable."""

import json
from pathlib import Path

from stack.credentials import Credentials
from stack.errors import StackError, first_cause
from stack.files import tail, write_atomically
from stack.mongo import MIGRATION_ACTIONS, SERVICE_ACTIONS
from stack.options import Layout, Options
from stack.services import installed


def test_a_password_is_made_once_and_kept_in_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = Credentials(file).get("mongo/root")
    assert len(first) >= 32
    assert file.stat().st_mode & 0o777 == 0o600
    again = Credentials(file)
    assert again.get("mongo/root") == first
    assert again.get("kafka/admin") != first
    assert set(json.loads(file.read_text())) == {"mongo/root", "kafka/admin"}


def test_a_private_file_stays_private_when_it_is_written_again(tmp_path: Path) -> None:
    file = tmp_path / "server.properties"
    file.write_text("old")
    file.chmod(0o644)
    write_atomically(file, "new", mode=0o600)
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_the_tail_of_a_log_is_its_last_lines_and_empty_without_a_file(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert tail(log) == []
    log.write_text("".join(f"line {number}\n" for number in range(20000)))
    assert tail(log, 2) == ["line 19998", "line 19999"]


def test_the_first_understandable_error_of_a_parallel_start_is_shown() -> None:
    cause = StackError("port 1 is used")
    group = ExceptionGroup("start", [OSError("noise"), ExceptionGroup("inner", [cause])])
    assert first_cause(group) is cause
    lonely = OSError("only this")
    assert first_cause(ExceptionGroup("start", [lonely])) is lonely


def test_fresh_deletes_data_and_passwords_together_and_keeps_downloads() -> None:
    options = Options()
    deleted = Layout(options.state).data()
    assert {path.name for path in deleted} >= {"mongo", "kafka", "keycloak", "secrets.json"}
    assert not any(options.cache.is_relative_to(path) for path in deleted)


def test_no_service_may_drop_a_collection_and_only_migrations_drop_an_index() -> None:
    assert not {"dropCollection", "dropDatabase", "dropIndex"} & set(SERVICE_ACTIONS)
    assert set(MIGRATION_ACTIONS) - set(SERVICE_ACTIONS) == {"dropIndex"}


def test_only_services_that_can_run_are_started(tmp_path: Path) -> None:
    for name, files in {"asset": ["__main__.py"], "auth": ["__main__.py", "app.py"], "monitor": ["app.py"]}.items():
        folder = tmp_path / "services" / name
        folder.mkdir(parents=True)
        for file in files:
            (folder / file).touch()
    assert installed(tmp_path) == ("auth",)
