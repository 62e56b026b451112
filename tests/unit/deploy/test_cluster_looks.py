"""What a run on a cluster makes of logs, metrics and connections."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from tests.k8s import collector, groups
from tests.k8s.__main__ import STEPS
from tests.k8s.cluster import free_port
from tests.k8s.logs import Judgment

LINE = {
    "ts": "2026-11-23T12:00:00.123Z",
    "level": "INFO",
    "logger": "services.gateway.rest.refusals",
    "message": "Request refused.",
    "service": "gateway",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
}


def judged(*lines: Any) -> Judgment:
    judgment = Judgment()
    judgment.add("gateway", [line if isinstance(line, str) else json.dumps(line) for line in lines], {"swordfish"})
    return judgment


def test_a_whole_line_is_counted_with_its_level_and_its_trace() -> None:
    found = judged(LINE, LINE | {"level": "ERROR", "message": "Request failed."})
    assert (found.lines["gateway"], found.levels, found.traces) == (2, {"INFO": 1, "ERROR": 1}, [LINE["trace_id"]])
    assert not found.broken and not found.leaks


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        "[]",
        "7",
        {name: value for name, value in LINE.items() if name != "ts"},
        LINE | {"service": "asset"},
        LINE | {"ts": "yesterday"},
        LINE | {"message": ""},
        LINE | {"level": None},
    ],
)
def test_a_line_that_is_not_whole_is_found(line: Any) -> None:
    assert len(judged(line).broken) == 1


@pytest.mark.parametrize(
    "said", ["anna@example.org", "anna%40example.org", "eyJhbGciOiJFZERTQSJ9", "Bearer abcdefghijk", "my swordfish"]
)
def test_a_line_that_says_too_much_is_found(said: str) -> None:
    assert len(judged(LINE | {"path": said}).leaks) == 1


def test_events_of_a_group_and_a_topic_are_counted_by_what_became_of_them() -> None:
    name, kind = "itsm_events_consumed_total", "itsm.incident.v1.IncidentCreated"
    text = "\n".join(
        (
            f'{name}{{group="itsm.analytics.main",outcome="applied",type="{kind}"}} 12.0',
            f'{name}{{group="itsm.analytics.main",outcome="duplicate",type="{kind}"}} 1.0',
            f'{name}{{group="itsm.analytics.main",outcome="ignored",type="other"}} 5.0',
            f'{name}{{group="itsm.asset.impact",outcome="applied",type="{kind}"}} 7.0',
        )
    )
    assert groups.counted(text, "itsm.analytics.main", "itsm.incident.v1") == {kind: {"applied": 12, "duplicate": 1}}


async def listened(port: int, knock: bool) -> Mapping[str, Any]:
    command = (sys.executable, "-c", collector._LISTENER, "30" if knock else "0.2", str(os.getpid()), str(port))
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    writers = []
    if knock:
        async with asyncio.timeout(60):
            while not writers:
                try:
                    writers.append((await asyncio.open_connection("127.0.0.1", port))[1])
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)
    told: Mapping[str, Any] = json.loads((await child.communicate())[0])
    for writer in writers:
        writer.close()
    return told


async def test_who_knocks_at_the_port_of_a_collector_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port(0)
    monkeypatch.setattr(collector, "_PORTS", (port,))
    monkeypatch.setattr(collector, "_LISTENER", collector._LISTENER.replace("heard += 1", "heard, ends = heard + 1, 0"))
    assert not collector.tried(await listened(port, knock=False))
    told = await listened(port, knock=True)
    assert told["heard"] == 1
    assert collector.tried(told)
    assert port in told["asked"]


def test_what_judges_times_comes_before_what_takes_long() -> None:
    names = [step.__name__ for step in STEPS]
    assert len(set(names)) == len(names)
    assert names.index("mutual_tls") < names.index("broker_away") < names.index("silence") < names.index("uninstall")
