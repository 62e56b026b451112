"""What a doctor finds out about the plugins of a process, at its management port."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chassis.management import Answer, ManagementServer
from chassis.plugins import Entry, Loaded, tell
from cli.doctor import _plugins


class Routes:
    """Keeps what a process is told to serve there."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}

    def route(self, path: str, handler: Any) -> None:
        async def serve(_accept: str) -> Answer:
            answer: Answer = await handler()
            return answer

        self.handlers[path] = serve


@pytest.fixture
def routes() -> Iterator[tuple[dict[str, Any], str]]:
    served: dict[str, Any] = {}
    server = ManagementServer(served)
    server.start("127.0.0.1:0")
    yield served, f"http://127.0.0.1:{server.port}"
    server.stop()


def test_each_plugin_that_was_named_is_told_with_what_became_of_it(routes: tuple[dict[str, Any], str]) -> None:
    served, address = routes
    kept: Any = Routes()
    good, bad = Entry("checks", "queue", "itsm-example 1.0"), Entry("checks", "gone", "", "no installed package offers it")
    tell(kept, (Loaded({}, [good, bad]), Loaded({})))
    served |= kept.handlers
    found = {each.check: (each.state, each.detail) for each in _plugins(f"{address}/")}
    assert found["plugin checks:queue"] == ("ok", f"itsm-example 1.0 at {address}/")
    assert found["plugin checks:gone"][0] == "fail"
    assert "no installed package offers it" in found["plugin checks:gone"][1]


def test_a_process_without_plugins_and_a_port_of_something_else_are_told_apart(routes: tuple[dict[str, Any], str]) -> None:
    served, address = routes
    (none,) = _plugins(address)
    assert (none.state, none.detail) == ("ok", "it was told to load none")

    async def strange(_accept: str) -> Answer:
        return Answer(json.dumps(["no such thing"]).encode())

    served["/plugins"] = strange
    (other,) = _plugins(address)
    assert other.state == "fail"
    (closed,) = _plugins("http://127.0.0.1:9")
    assert closed.state == "fail"
