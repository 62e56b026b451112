"""A process from its start to its end: signals, exit codes, what cannot be stopped kindly."""

import json
import os
import signal
import time

import grpc
import pytest

from chassis.service import stop_bound
from chassis.settings import Settings
from tests.support.services import python


async def test_a_stop_is_over_before_a_pod_is_killed() -> None:
    assert stop_bound(Settings()) < 60


PROCESS = """
import asyncio, sys
from chassis.service import Service, Stage, launch
from chassis.settings import Settings

def build(settings):
    service = Service("sample", settings)
    async def ready():
        print("started", flush=True)
    async def stop():
        print("stopping", flush=True)
        await asyncio.sleep(float(sys.argv[1]))
    async def fail():
        raise RuntimeError("no database")
    service.on_start(fail if sys.argv[2:] else ready)
    service.on_stop(Stage.STORE, stop)
    return service

launch("sample", Settings(drain_seconds=0), build)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_process_with_exit_code_0(number: signal.Signals) -> None:
    process = python(PROCESS, "0")
    assert process.stdout
    assert process.stdout.readline() == "started\n"
    process.send_signal(number)
    output = process.communicate(timeout=20)[0]
    assert process.returncode == 0, output
    assert "stopping" in output
    assert '"message":"Service stopped."' in output


def test_a_second_signal_ends_the_process_at_once() -> None:
    process = python(PROCESS, "60")
    assert process.stdout
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGTERM)
    while process.stdout.readline() != "stopping\n":
        continue
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert time.monotonic() - began < 20


def test_a_process_that_cannot_start_says_why_and_ends_with_1() -> None:
    process = python(PROCESS, "0", "fail")
    output = process.communicate(timeout=20)[0]
    assert process.returncode == 1
    assert "no database" in output
    assert "stopping" in output


def test_a_signal_during_a_long_start_stops_the_process() -> None:
    source = PROCESS.replace('print("started", flush=True)', 'print("started", flush=True); await asyncio.sleep(60)')
    process = python(source, "0")
    assert process.stdout
    assert process.stdout.readline() == "started\n"
    os.kill(process.pid, signal.SIGTERM)
    output = process.communicate(timeout=20)[0]
    assert process.returncode == 0, output
    assert "stopping" in output


SERVER = """
import asyncio, grpc
from chassis.service import Service, launch
from chassis.settings import Settings

class Echo:
    async def call(self, request, context):
        print("entered", flush=True)
        await asyncio.sleep(1)
        return request

def add(servicer, server):
    handler = grpc.unary_unary_rpc_method_handler(servicer.call)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {"Call": handler}),))

def build(settings):
    service = Service("sample", settings)
    service.serve(add, Echo())
    return service

launch("sample", Settings(drain_seconds=0.2), build)
"""


def test_a_call_that_runs_when_the_signal_comes_is_answered() -> None:
    process = python(SERVER)
    assert process.stdout
    address = json.loads(process.stdout.readline())["address"]
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary("/test.Echo/Call").future(b"hello", timeout=10, wait_for_ready=True)
        assert process.stdout.readline() == "entered\n"
        process.send_signal(signal.SIGTERM)
        assert call.result() == b"hello"
    output = process.communicate(timeout=20)[0]
    assert process.returncode == 0, output


def test_a_process_that_no_task_can_stop_ends_with_its_stacks() -> None:
    blocked = PROCESS.replace("await asyncio.sleep(float(sys.argv[1]))", "import time; time.sleep(float(sys.argv[1]))")
    shortened = "import chassis.service as s; s._MARGIN_SECONDS, s._LAST_RESORT_SECONDS = 0.2, 2.5\n"
    process = python(shortened + blocked.replace("drain_seconds=0", "drain_seconds=0, stop_grace_seconds=0"), "60")
    assert process.stdout
    assert process.stdout.readline() == "started\n"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=20)[0]
    assert process.returncode == 1
    assert time.monotonic() - began < 20
    assert "in stop" in output


COMMAND = """
import sys
from chassis.errors import Unavailable
from chassis.service import Service, launch
from chassis.settings import Settings

def build(settings):
    service = Service("sample", settings)
    async def work():
        print("done", flush=True)
    service.offer("work", work)
    return service

launch("sample", Settings(), build, sys.argv[1:])
"""


def test_a_command_runs_alone_and_ends_with_0_and_an_unknown_one_is_refused_with_2() -> None:
    known = python(COMMAND, "work")
    assert known.communicate(timeout=60)[0] == "done\n"
    assert known.returncode == 0
    unknown = python(COMMAND, "wrok")
    assert "it knows: work" in unknown.communicate(timeout=60)[0]
    assert unknown.returncode == 2
