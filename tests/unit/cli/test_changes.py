"""The gate of changes for pipelines: what it asks, how long it waits, and how it ends."""

import json
from typing import Any

import pytest

from cli.errors import ExitCode
from tests.unit.cli.conftest import Run
from tests.unit.cli.platform import Platform

GATE = "/api/v1/changes/CHG0000042:gate"


def gate(platform: Platform, state: str, *, is_open: bool = False, pending: bool = True, reasons: tuple[str, ...] = ()) -> None:
    """What the platform says next of the gate."""
    answer: dict[str, Any] = {"id": "chg_1", "number": "CHG0000042", "state": state, "reasons": list(reasons)}
    platform.upcoming.append((200, {}, answer | {"open": is_open, "pending": pending}))


@pytest.mark.parametrize(
    ("state", "is_open", "pending", "code"),
    [
        ("SCHEDULED", True, True, ExitCode.OK),
        ("AUTHORIZE", False, True, ExitCode.PENDING),
        ("CANCELLED", False, False, ExitCode.CONFLICT),
    ],
)
def test_the_gate_ends_with_what_it_says(
    run: Run, platform: Platform, state: str, is_open: bool, pending: bool, code: ExitCode
) -> None:
    gate(platform, state, is_open=is_open, pending=pending)
    ended = run("chg", "gate", "CHG0000042")
    assert ended.code == code, ended.err
    assert json.loads(ended.out)["state"] == state
    assert [each.path for each in platform.requests] == [GATE]


def test_whoever_waits_goes_on_when_it_opens_and_says_that_it_is_being_made(run: Run, platform: Platform) -> None:
    gate(platform, "AUTHORIZE", reasons=("it is not approved yet: AUTHORIZE",))
    gate(platform, "SCHEDULED", is_open=True)
    platform.upcoming.append((200, {}, {"id": "chg_1"}))
    gate(platform, "IMPLEMENT", is_open=True)
    ended = run("chg", "gate", "CHG0000042", "--wait", "--start")
    assert ended.code == ExitCode.OK, ended.err
    assert "not approved yet" in ended.err
    assert [(each.method, each.path.rpartition(":")[2]) for each in platform.requests] == [
        *(("GET", "gate"), ("GET", "gate"), ("POST", "start"), ("GET", "gate"))
    ]


def test_waiting_in_vain_ends_at_once_and_waiting_too_long_ends_undecided(run: Run, platform: Platform) -> None:
    gate(platform, "CLOSED", pending=False, reasons=("it is CLOSED",))
    assert run("chg", "gate", "CHG0000042", "--wait").code == ExitCode.CONFLICT
    gate(platform, "SCHEDULED", reasons=("its window has not begun",))
    assert run("chg", "gate", "CHG0000042", "--wait", "--timeout", "0").code == ExitCode.PENDING
