"""Ports of the stack: free when chosen, below the range of outgoing connections, and the same at the next start.

A variable keeps stacks that start side by side apart: `ITSM_STACK_PORTS=20000-23999`.

Fails with `StackError` when no free port is found in many tries, which means that something eats ports.
"""

import json
import os
import random
import socket
from pathlib import Path

from stack.errors import PortTaken, StackError
from stack.files import write_atomically

# Linux hands out 32768-60999 to outgoing connections; a client could take a port from there between our check and use.
ALL = 20000, 32000
VARIABLE = "ITSM_STACK_PORTS"
LOWEST, HIGHEST = tuple(map(int, os.environ[VARIABLE].split("-"))) if os.environ.get(VARIABLE) else ALL
_TRIES = 200


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now; a port in TIME_WAIT counts as free, as it does for the servers."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def require_free(name: str, ports: tuple[int, ...]) -> None:
    """Refuse to start a process next to a foreign one.

    Without this check the new process would exit, and what follows would reach the foreign server instead.
    """
    taken = [port for port in ports if not is_free(port)]
    if taken:
        raise PortTaken(f"{name} cannot start: port {', '.join(map(str, taken))} is used by another program")


class Ports:
    """Named ports, remembered in a file of the state folder."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
        self._given: dict[str, int] = {}

    def get(self, name: str) -> int:
        """The port of this name: the remembered one while it is free, else a new free one, which is then remembered."""
        if name in self._given:
            return self._given[name]
        port = self._known.get(name)
        if port is None or port in self._given.values() or not is_free(port):
            port = self._choose()
        self._given[name] = self._known[name] = port
        write_atomically(self._file, json.dumps(self._known, indent=2, sort_keys=True) + "\n")
        return port

    def _choose(self) -> int:
        avoid = {*self._known.values(), *self._given.values()}
        for _ in range(_TRIES):
            port = random.randint(LOWEST, HIGHEST)  # noqa: S311  (no secret, only a place)
            if port not in avoid and is_free(port):
                return port
        raise StackError(f"no free port between {LOWEST} and {HIGHEST} after {_TRIES} tries")
