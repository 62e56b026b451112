"""Listening sockets from the text of `/proc/net/tcp` and its like: two orders cheaper than asking every process."""

import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LISTEN = "0A"
_UNCONNECTED = "07"


@dataclass(frozen=True, slots=True)
class Socket:
    """A socket that waits; `inode` is how processes name it."""

    protocol: str
    address: str
    port: int
    inode: int


def waiting(protocol: str, lines: Iterable[str]) -> Iterator[Socket]:
    """Sockets that wait for others, of one table; lines of another form (the heading) are passed over.

    The form is that of Linux's `Documentation/networking/proc_net_tcp`; addresses are words in the host's byte order.
    """
    state = _LISTEN if protocol == "tcp" else _UNCONNECTED
    word = f" {state} "
    for line in lines:
        if word not in line:  # most lines are connections
            continue
        fields = line.split()
        if len(fields) < 10 or fields[3] != state:
            continue
        words, _, port = fields[1].partition(":")
        if protocol == "udp" and not fields[2].endswith(":0000"):
            continue  # connected: a client's
        yield Socket(protocol, address(words), int(port, 16), int(fields[9]))


def address(words: str) -> str:
    """The text of an address: 8 hexadecimal digits for version 4, 32 for version 6; a mapped one is told as version 4."""
    raw = b"".join(struct.pack("=I", int(words[at : at + 8], 16)) for at in range(0, len(words), 8))
    if len(raw) == 4:
        return socket.inet_ntop(socket.AF_INET, raw)
    return socket.inet_ntop(socket.AF_INET6, raw).removeprefix("::ffff:")
