"""Echo requests, over the datagram socket that Linux and macOS give to unprivileged programs."""

import asyncio
import os
import socket
import struct
import time
from datetime import timedelta

from chassis.outbound import Address
from services.monitor.domain.check import Check, Outcome
from services.monitor.domain.check_settings import PingSettings
from services.monitor.probes.found import Found, Refused
from services.monitor.probes.reach import Reach

MISSING = (
    "this process may not send echo requests: its group must be in the range that the system's setting "
    "net.ipv4.ping_group_range allows"
)
_HEAD = struct.Struct("!BBHHH")
_REQUESTS, _REPLIES = {4: 8, 6: 128}, {4: 0, 6: 129}
_SIZE = 56


async def ping(check: Check, reach: Reach) -> Found:
    """Sends echo requests one after the other. Raises `Refused` where the system does not allow it, `OSError`."""
    address = await reach.address(check.target)
    wanted = (check.ping or PingSettings()).packets
    with _socket(address.version) as sock:
        await asyncio.get_running_loop().sock_connect(sock, (str(address), 0))
        times = await echoes(sock, address, wanted, check.timeout.total_seconds() / (wanted + 0.5))
    if not times:
        return Found(Outcome.FAILED, f"none of {wanted} requests was answered", 0.0)
    mean = timedelta(seconds=sum(times) / len(times))
    share = 100 * len(times) / wanted
    return Found(Outcome.OK if len(times) == wanted else Outcome.DEGRADED, f"{len(times)} of {wanted} answered", share, mean)


async def echoes(sock: socket.socket, address: Address, wanted: int, patience: float) -> list[float]:
    """How long each answer took, in seconds; what is not answered within `patience` seconds is left out."""
    loop, times, token = asyncio.get_running_loop(), [], os.urandom(_SIZE)
    for number in range(1, wanted + 1):
        began = time.monotonic()
        try:
            async with asyncio.timeout(patience):
                await loop.sock_sendall(sock, request(address.version, number, token))
                while not is_reply(await loop.sock_recv(sock, 2048), address.version, number, token):
                    pass
        except TimeoutError:
            continue
        times.append(time.monotonic() - began)
    return times


def request(version: int, number: int, token: bytes) -> bytes:
    """An echo request (RFC 792, RFC 4443). Its identifier is the system's to fill in."""
    plain = _HEAD.pack(_REQUESTS[version], 0, 0, 0, number) + token
    return _HEAD.pack(_REQUESTS[version], 0, checksum(plain), 0, number) + token


def is_reply(packet: bytes, version: int, number: int, token: bytes) -> bool:
    """Whether a packet answers that request. Some systems hand out the IPv4 header with it."""
    if version == 4 and packet[:1] and packet[0] >> 4 == 4:
        packet = packet[(packet[0] & 15) * 4 :]
    if len(packet) < _HEAD.size:
        return False
    kind, _, _, _, replied = _HEAD.unpack_from(packet)
    return kind == _REPLIES[version] and replied == number and packet[_HEAD.size :] == token


def checksum(packet: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(packet) % 2:
        packet += b"\0"
    total: int = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def _socket(version: int) -> socket.socket:
    family, protocol = (socket.AF_INET, socket.IPPROTO_ICMP) if version == 4 else (socket.AF_INET6, socket.IPPROTO_ICMPV6)
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM, protocol)
    except PermissionError:
        raise Refused(MISSING) from None
    sock.setblocking(False)
    return sock
