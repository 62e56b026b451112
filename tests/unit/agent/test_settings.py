"""Settings, the identity, and times."""

import argparse
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.identity import IdentityFile
from agent.settings import Misconfigured, add_options, settings
from agent.times import Backoff, asked_wait, seconds_of, text_of


def chosen(*arguments: str, **variables: str) -> Any:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return settings(vars(parser.parse_args(arguments)), variables)


def test_an_option_wins_over_a_variable_and_a_variable_over_the_default() -> None:
    told = chosen("--server", "https://a.example/", ITSM_AGENT_SERVER="https://b.example", ITSM_AGENT_NAME="web01")
    assert (told.server, told.name, told.metrics_interval) == ("https://a.example", "web01", 30)


def test_metrics_go_to_the_platform_itself_when_nothing_else_is_said() -> None:
    assert chosen("--server", "https://a.example").ingest == "https://a.example"
    assert chosen("--server", "https://a.example", "--ingest", "https://i.example").ingest == "https://i.example"


def test_without_a_platform_there_is_no_run() -> None:
    with pytest.raises(Misconfigured, match="--server"):
        chosen()


@pytest.mark.parametrize("address", ["ftp://a.example", "a.example", "https://"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(Misconfigured, match="no address"):
        chosen("--server", address)


def test_a_key_is_not_sent_readable_to_another_machine() -> None:
    with pytest.raises(Misconfigured, match="unencrypted"):
        chosen("--server", "http://a.example")
    assert chosen("--server", "http://a.example", "--plain-http", "yes").plain_http
    assert chosen("--server", "http://127.0.0.1:8080").server == "http://127.0.0.1:8080"
    assert chosen("--server", "http://[::1]:8080").server == "http://[::1]:8080"


@pytest.mark.parametrize(
    ("option", "value"),
    [("--metrics-interval", "5"), ("--metrics-interval", "61"), ("--full-interval", "0"), ("--buffer-megabytes", "1.5"),
     ("--plain-http", "perhaps"), ("--inventory-interval", "nan")],
)  # fmt: skip
def test_a_value_out_of_bounds_names_its_option(option: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=option):
        chosen("--server", "https://a.example", option, value)


def test_an_installation_keeps_its_name_and_key_over_a_restart(tmp_path: Path) -> None:
    file = IdentityFile(tmp_path)
    first = file.load()
    assert not first.enrolled
    assert len(first.install_id) >= 16
    file.store(replace(first, agent_id="agt_1", asset_id="ast_1", key="ita_1"))
    again = IdentityFile(tmp_path).load()
    assert (again.install_id, again.agent_id, again.key) == (first.install_id, "agt_1", "ita_1")


def test_only_the_owner_reads_the_identity(tmp_path: Path) -> None:
    IdentityFile(tmp_path).load()
    assert (tmp_path / "identity.json").stat().st_mode & 0o777 == 0o600


def test_a_damaged_identity_is_told_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "identity.json").write_text("{")
    with pytest.raises(Misconfigured, match="damaged"):
        IdentityFile(tmp_path).load()
    assert (tmp_path / "identity.json").read_text() == "{"


@given(st.lists(st.one_of(st.none(), st.floats(0.1, 900)), min_size=1, max_size=80))
def test_a_wait_is_never_shorter_than_asked_for_and_otherwise_bounded(asked: list[float | None]) -> None:
    backoff = Backoff(1, 60)
    for wanted in asked:
        wait = backoff.wait(wanted)
        assert wait >= (wanted or 0.5)
        assert wait <= max(60.0, 1.2 * (wanted or 0))


def test_waits_double_until_something_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda _least, most: most)
    backoff = Backoff(1, 60)
    assert [backoff.wait() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    backoff.succeeded()
    assert backoff.wait() == 1


def test_a_wait_is_asked_for_as_a_number_or_as_a_date() -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    date = format_datetime(now + timedelta(seconds=90), usegmt=True)
    assert asked_wait("17", now.timestamp()) == 17
    assert asked_wait(date, now.timestamp()) == 90
    assert asked_wait("soon", now.timestamp()) is None
    assert asked_wait("", now.timestamp()) is None


def test_times_and_durations_are_those_of_proto3_json() -> None:
    assert text_of(1_769_860_800.25) == "2026-01-31T12:00:00.250Z"
    assert (seconds_of("90s"), seconds_of("0.5s")) == (90, 0.5)
    with pytest.raises(ValueError, match="no duration"):
        seconds_of("90")
