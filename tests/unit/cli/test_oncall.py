"""On call from a terminal: who is, taking note, standing in, calling, and a call to oneself."""

from typing import Any

import pytest

from cli.errors import ExitCode
from tests.unit.cli.conftest import Run
from tests.unit.cli.platform import Platform

DUTY = {
    "scheduleId": "ocs_1",
    "scheduleName": "payments",
    "teamId": "t1",
    "current": {"userId": "ann", "endTime": "2026-01-12T08:00:00Z"},
    "next": {"userId": "bob", "startTime": "2026-01-12T08:00:00Z"},
}
OTHER = {"scheduleId": "ocs_2", "scheduleName": "network", "teamId": "t2"}


@pytest.fixture(autouse=True)
def kept(platform: Platform) -> None:
    platform.kept = {
        "teams": {"t1": {"id": "t1", "name": "Payments crew"}},
        "users": {"u1": {"id": "u1", "username": "bob"}},
        "schedules": {"ocs_1": {"id": "ocs_1", "name": "payments"}},
        "escalationPolicies": {},
    }


def answers(platform: Platform, *bodies: Any) -> None:
    platform.upcoming.extend((200, {}, body) for body in bodies)


def test_who_is_on_call_of_a_team_is_found_by_the_name_of_the_team(run: Run, platform: Platform) -> None:
    answers(platform, {"duties": [DUTY, OTHER]})
    shown = run("oncall", "who", "Payments crew")
    assert (shown.code, shown.out.count("\n")) == (ExitCode.OK, 1)
    assert '"userId":"ann"' in shown.out
    answers(platform, {"duties": [DUTY, OTHER]})
    assert run("oncall", "who", "--at", "2026-01-05T09:00Z").out.count("\n") == 2
    assert platform.requests[-1].query["time"] == ["2026-01-05T09:00:00Z"]
    answers(platform, {"duties": [DUTY]})
    assert run("oncall", "who", "nobody's").code == ExitCode.ERROR


def test_all_that_call_me_are_taken_note_of_at_once(run: Run, platform: Platform) -> None:
    pages = [{"id": "pag_1", "title": "down"}, {"id": "pag_2", "title": "slow"}]
    answers(platform, {"subject": "ann"}, {"pages": pages}, *pages)
    assert run("oncall", "ack", "--all-mine").code == ExitCode.OK
    asked, *sent = platform.requests[-3:]
    assert asked.query["filter"] == ['state = OPEN AND calls.userId = "ann"']
    assert [each.path for each in sent] == [f"/api/v1/pages/pag_{number}:acknowledge" for number in (1, 2)]
    assert run("oncall", "ack").code == ExitCode.USAGE


def test_people_and_schedules_are_named_as_people_name_them(run: Run, platform: Platform) -> None:
    times = ("--from", "2026-01-10T00:00Z", "--to", "2026-01-11T00:00Z")
    answers_for = run("oncall", "override", "payments", "--for", "bob", *times, "--dry-run")
    assert '"path":"/api/v1/schedules/ocs_1:addOverride"' in answers_for.out
    assert '"userId":"u1","startTime":"2026-01-10T00:00:00Z"' in answers_for.out
    assert run("oncall", "override", "payments", "--for", "eve", *times).code == ExitCode.ERROR
    called = run("oncall", "page", "Payments crew", "-m", "come", "--dry-run")
    assert '{"title":"come","steps":[{"targets":[{"kind":"TEAM","id":"t1"}]}]}' in called.out


def test_a_call_to_oneself_ends_well_only_where_it_arrived(run: Run, platform: Platform) -> None:
    receipt = {"id": "dlv_1", "channel": "PUSH", "state": "DELIVERED", "attemptCount": 1, "createTime": ""}
    answers(platform, {"id": "pag_1"}, {"deliveries": [{**receipt, "state": "PENDING"}]}, {"deliveries": [receipt]})
    assert run("oncall", "test").code == ExitCode.OK
    assert platform.requests[-1].query["subject"] == ["pages/pag_1"]
    answers(platform, {"id": "pag_1"}, {"deliveries": [{**receipt, "state": "FAILED"}]})
    assert run("oncall", "test").code == ExitCode.ERROR
