"""Children of the stack, with real processes and real ports."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

import psutil
import pytest

from chassis.peers import SERVICES
from stack import lock
from stack.console import Console
from stack.credentials import Credentials
from stack.errors import PortTaken, ProcessDied, StackError
from stack.files import tail
from stack.kafka import Kafka
from stack.keycloak import Keycloak
from stack.mongo import Mongo
from stack.options import Layout, Options
from stack.ports import HIGHEST, LOWEST, Ports, is_free
from stack.process import Process, Spec, child_environment
from stack.services import Services
from tests.support.eventually import eventually


def a_spec(folder: Path, code: str, **changes) -> Spec:
    settings = {"name": "child", "argv": (sys.executable, "-c", code), "ports": (), "log": folder / "child.log"}
    return Spec(**{**settings, "state": folder, **changes})


def ignore(process: Process) -> None:
    """For tests in which nobody dies."""


async def always() -> bool:
    return True


async def never() -> bool:
    return False


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_is_remembered_and_replaced_when_another_program_has_it(tmp_path: Path, taken_port: int) -> None:
    file = tmp_path / "ports.json"
    first = Ports(file).get("mongo")
    assert LOWEST <= first <= HIGHEST
    assert Ports(file).get("mongo") == first
    file.write_text(json.dumps({"mongo": taken_port}))
    assert Ports(file).get("mongo") != taken_port


def test_two_names_never_get_the_same_port(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    assert len({ports.get(str(number)) for number in range(50)}) == 50


def test_a_listening_port_is_not_free(taken_port: int) -> None:
    assert not is_free(taken_port)


async def test_a_process_does_not_start_next_to_a_foreign_server(tmp_path: Path, taken_port: int) -> None:
    process = Process(a_spec(tmp_path, "", ports=(taken_port,)), Console(), ignore)
    with pytest.raises(PortTaken, match=str(taken_port)):
        await process.start()
    assert process.pid is None


async def test_an_early_end_is_reported_with_its_status_and_last_words(tmp_path: Path) -> None:
    process = Process(a_spec(tmp_path, "print('no such disk'); raise SystemExit(3)"), Console(), ignore)
    await process.start()
    with pytest.raises(ProcessDied, match=r"(?s)status 3.*no such disk"):
        await process.wait_ready(never)
    await process.stop()


async def test_a_process_that_never_gets_ready_is_given_up(tmp_path: Path) -> None:
    process = Process(a_spec(tmp_path, "import time; time.sleep(60)", ready_timeout=0.3), Console(), ignore)
    await process.start()
    with pytest.raises(ProcessDied, match="not ready"):
        await process.wait_ready(never)
    await process.stop()
    assert process.pid is None


async def test_a_process_that_ignores_the_polite_signal_is_killed_with_its_children(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    process = Process(a_spec(tmp_path, code, stop_timeout=0.3), Console(), ignore)
    await process.start()

    await eventually(lambda: tail(tmp_path / "child.log"))
    child = int(tail(tmp_path / "child.log")[0])
    await process.stop()
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


async def test_a_death_after_readiness_is_reported_once_and_a_stop_is_none(tmp_path: Path) -> None:
    deaths: list[str] = []
    code = "import time; print('up', flush=True); time.sleep(60)"
    killed = Process(a_spec(tmp_path, code), Console(), lambda process: deaths.append(process.obituary()))
    stopped = Process(a_spec(tmp_path, code), Console(), lambda process: deaths.append(process.obituary()))
    for process in (killed, stopped):
        await process.start()
        await process.wait_ready(always)
    killed.kill()
    await stopped.stop()
    await eventually(lambda: deaths)
    await killed.stop()
    assert len(deaths) == 1
    assert "SIGKILL" in deaths[0]


async def test_a_killed_process_takes_its_children_with_it(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    process = Process(a_spec(tmp_path, code), Console(), ignore)
    await process.start()
    await process.wait_ready(always)
    await eventually(lambda: tail(tmp_path / "child.log"))
    child = int(tail(tmp_path / "child.log")[0])
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    await eventually(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
    await process.stop()


def test_a_child_inherits_no_setting_that_is_meant_for_another(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("ITSM_MONGO_URI", "mongodb://elsewhere")
    environment = child_environment(a_spec(tmp_path, "", environment={"ITSM_LISTEN": "127.0.0.1:1"}))
    assert "ITSM_MONGO_URI" not in environment
    assert environment["ITSM_LISTEN"] == "127.0.0.1:1"
    assert environment["HOME"] == str(Path.home())


def test_a_second_stack_on_the_same_folder_is_refused_with_the_process_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "stack.lock"
    with lock.held(path):
        assert lock.holder(path) == os.getpid()
        with pytest.raises(StackError, match=str(os.getpid())), lock.held(path):
            pass
    assert lock.holder(path) is None


async def test_what_a_killed_stack_left_behind_is_ended(tmp_path: Path) -> None:
    process = Process(a_spec(tmp_path, "import time; time.sleep(60)"), Console(), ignore)
    await process.start()
    await eventually(lambda: lock.leftovers(tmp_path))
    assert lock.leftovers(tmp_path / "other") == []
    started = time.monotonic()
    await asyncio.to_thread(lock.end_leftovers, tmp_path, Console())
    assert lock.leftovers(tmp_path) == []
    assert time.monotonic() - started < 10
    await process.stop()


def test_each_service_gets_its_own_sign_ins_and_the_addresses_of_the_others(tmp_path: Path) -> None:
    layout, ports = Layout(tmp_path), Ports(tmp_path / "ports.json")
    credentials = Credentials(layout.secrets)
    mongo, kafka = Mongo(layout, 21000, credentials), Kafka(layout, 21001, 21002, credentials)
    keycloak = Keycloak(layout, 21003, 21004, credentials)
    services = Services(Options(state=tmp_path), ports, credentials, mongo, kafka, keycloak)
    environments = {name: services.environment(name) for name in SERVICES}
    for name, environment in environments.items():
        assert f"/itsm_{name}?" in environment["ITSM_MONGO_URI"]
        assert environment["ITSM_KAFKA_USERNAME"] == f"itsm_{name}"
        assert environment["ITSM_AUTH_TARGET"] == environments["auth"]["ITSM_LISTEN"]
        assert keycloak.bootstrap_secret not in environment.values()
    for secret in ("ITSM_MONGO_URI", "ITSM_KAFKA_PASSWORD", "ITSM_CLIENT_SECRET", "ITSM_MANAGEMENT_LISTEN", "ITSM_LISTEN"):
        assert len({environment[secret] for environment in environments.values()}) == len(SERVICES)
    assert len({environment["ITSM_PAGE_TOKEN_KEY"] for environment in environments.values()}) == 1
