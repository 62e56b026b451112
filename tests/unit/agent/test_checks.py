"""Checks: their definitions, what a look finds, when it is due, and what may wait."""

import os
import random
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.checks.definition import Check, Kind, Unknown, check, known
from agent.checks.looking import Looker, Outcome, Result, matches
from agent.checks.schedule import Schedule
from agent.checks.urgency import Urgency
from agent.metrics import busy
from agent.platforms import this_platform
from agent.platforms.base import Running
from tests.support.eventually import eventually


def made(kind: Kind = Kind.PROCESS, target: str = "nginx", **more: Any) -> Check:
    return Check(**({"id": "chk_1", "kind": kind, "target": target, "interval": 30.0, "timeout": 10.0} | more))


def test_a_check_is_read_as_the_platform_tells_it() -> None:
    told = {
        "id": "chk_1", "name": "web", "kind": "PROCESS", "target": "nginx", "interval": "15s", "timeout": "2.5s",
        "process": {"commandLine": "master", "minimum": 2}, "raiseAfter": 3, "clearAfter": 1, "enabled": True, "state": "UP",
    }  # fmt: skip
    assert check(told) == made(interval=15.0, timeout=2.5, command_line="master", minimum=2, confirm=3)


@pytest.mark.parametrize(
    "told",
    [
        {"id": "chk_1", "kind": "HTTP", "target": "https://x"},
        {"id": "chk_1", "kind": "CPU", "interval": "often"},
        {"kind": "CPU"},
        {"id": "chk_1", "kind": "CPU", "limits": [1]},
    ],
)  # fmt: skip
def test_a_check_that_is_not_understood_is_told_and_the_others_run(told: Mapping[str, Any]) -> None:
    with pytest.raises(Unknown):
        check(told)
    checks, problems = known([told, {"id": "chk_2", "kind": "MEMORY"}])
    assert list(checks) == ["chk_2"]
    assert len(problems) == 1


def test_a_disabled_check_is_not_run() -> None:
    assert known([{"id": "chk_1", "kind": "CPU", "enabled": False}]) == ({}, [])


@pytest.mark.parametrize(
    ("process", "target", "command_line", "fits"),
    [
        (Running("nginx", ("nginx: master process",)), "nginx", "", True),
        (Running("python3.11", ("/usr/bin/python3", "-m", "http.server")), "python3", "", True),
        (Running("python3.11", ("/usr/bin/python3", "-m", "http.server")), "python*", "http.server", True),
        (Running("python3.11", ("/usr/bin/python3", "-m", "http.server")), "python*", "other", False),
        (Running("nginx-debug", ()), "nginx", "", False),
        (Running("notepad.exe", ("C:\\Windows\\notepad.exe",)), "notepad", "", True),
        (Running("", ()), "nginx", "", False),
    ],
)
def test_a_process_is_meant_by_its_name_or_its_programs_and_the_words_of_its_command_line(
    process: Running, target: str, command_line: str, fits: bool
) -> None:
    assert matches(process, made(target=target, command_line=command_line)) is fits


async def test_a_process_check_sees_a_real_process_start_and_end() -> None:
    now = 0.0
    looker = Looker(this_platform(), ticks=lambda: now)
    mark = f"agent-test-{os.getpid()}"
    wanted = made(target=f"{Path(sys.executable).resolve().name.rstrip('0123456789.')}*", command_line=mark)
    assert looker.look(wanted).outcome is Outcome.FAILED
    with subprocess.Popen([sys.executable, "-c", "input()", mark], stdin=subprocess.PIPE) as child:  # noqa: S603, ASYNC220
        now += 2
        seen = looker.look(wanted)
        assert (seen.outcome, seen.value, seen.level) == (Outcome.OK, 1.0, 0)
        child.kill()
        # Killed and not yet collected by its parent: there is an entry in the table, but nothing runs.
        await eventually(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE, within=30)
        now += 2
        gone = looker.look(wanted)
        assert (gone.outcome, gone.value, gone.level) == (Outcome.FAILED, 0.0, 2)
        assert mark in gone.message


def test_a_port_is_watched_by_its_number() -> None:
    looker = Looker(this_platform())
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        target = made(target=f"port:{port}")
        assert looker.look(target).outcome is Outcome.FAILED
        listening.listen()
        assert looker.look(target).outcome is Outcome.OK
    assert looker.look(target).outcome is Outcome.FAILED
    assert looker.look(made(target="port:https")).outcome is Outcome.UNKNOWN


def test_a_disk_is_measured_and_one_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    looker = Looker(this_platform())
    found = looker.look(made(Kind.DISK, str(tmp_path)))
    assert found.outcome is None
    assert found.value == psutil.disk_usage(str(tmp_path)).percent
    assert looker.look(made(Kind.DISK, str(tmp_path / "none"))).outcome is Outcome.UNKNOWN


def test_memory_and_processors_are_told_in_percent_for_the_platform_to_judge() -> None:
    looker = Looker(this_platform())
    for kind in (Kind.MEMORY, Kind.CPU):
        found = looker.look(made(kind, ""))
        assert found.outcome is None
        assert found.value is not None
        assert 0 <= found.value <= 100


def test_limits_say_how_urgent_a_value_seems() -> None:
    looker = Looker(this_platform())
    assert looker.look(made(Kind.MEMORY, "", degraded=0.0001, down=100.1)).level == 1
    assert looker.look(made(Kind.MEMORY, "", degraded=0.0001, down=0.0002)).level == 2
    assert looker.look(made(Kind.MEMORY, "")).level == 0


def test_a_result_is_told_in_the_form_of_the_platform() -> None:
    told = Result("chk_1", 1_769_860_800.5, 2, "no nginx", Outcome.FAILED, 0.0).told()
    assert told == {
        "checkId": "chk_1",
        "result": {"time": "2026-01-31T12:00:00.500Z", "message": "no nginx", "outcome": "FAILED", "value": 0.0},
    }


def test_time_for_a_disk_is_no_work_of_the_processors_and_a_guests_time_counts_once() -> None:
    kind = type(psutil.cpu_times())
    zero = kind(*([0.0] * len(kind._fields)))
    assert busy(zero, zero._replace(user=50.0, guest=50.0, idle=25.0, iowait=25.0)) == 0.5
    assert busy(zero, zero) == 0.0


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 60)), max_size=6),
    st.lists(st.floats(0, 200), min_size=1, max_size=30),
)
def test_every_check_is_due_once_in_an_interval_and_missed_looks_are_not_made_up_for(
    wanted: list[tuple[str, int]], steps: list[float]
) -> None:
    checks = {id_: made(Kind.CPU, "", id=id_, interval=float(interval)) for id_, interval in wanted}
    schedule = Schedule()
    schedule.replace(checks, 0.0)
    last: dict[str, float] = {}
    now = 0.0
    for step in steps:
        now += step
        due = [one.id for one in schedule.take_due(now)]
        assert len(due) == len(set(due))
        assert schedule.take_due(now) == []
        following = schedule.next_due()
        assert (following is None) == (not checks)
        assert following is None or following > now
        for id_ in due:
            last[id_] = now
    for id_, one in checks.items():
        assert now < 5 or id_ in last or not steps
        assert now - last.get(id_, now) < one.interval + max(steps)


def test_a_check_that_is_as_it_was_keeps_its_time_and_a_changed_one_starts_anew() -> None:
    schedule = Schedule()
    first, second = made(id="a", interval=30.0), made(id="b", interval=30.0)
    schedule.replace({"a": first, "b": second}, 0.0)
    schedule.take_due(6.0)
    due = dict(schedule._due)
    gone = schedule.replace({"a": first, "b": made(id="b", interval=10.0)}, 7.0)
    assert gone == {"b"}
    assert schedule._due["a"] == due["a"]
    assert schedule._due["b"] <= 12.0
    assert schedule.replace({}, 8.0) == {"a", "b"}
    assert schedule.next_due() is None


def test_a_change_and_its_confirmation_are_told_at_once_and_the_rest_waits_for_company() -> None:
    urgency = Urgency(30)
    target = made(interval=10.0, confirm=2)
    levels = [0, 0, 0, 2, 2, 2, 0, 0, 0]
    waits = [urgency.wait(target, Result("chk_1", 0, level, "")) for level in levels]
    assert waits == [0, 0, 10, 0, 0, 10, 0, 0, 10]
    assert [urgency.wait(made(id="slow", interval=300.0), Result("slow", 0, 0, "")) for _ in range(3)] == [0, 0, 30]


def test_new_checks_are_not_looked_at_all_at_once() -> None:
    random.seed(1)
    schedule = Schedule()
    schedule.replace({str(n): made(id=str(n)) for n in range(100)}, 0.0)
    assert len(schedule.take_due(2.5)) < 80
