"""What psutil tells alike on every system."""

import ipaddress
import platform
import socket
from collections.abc import Callable, Iterable

import psutil

from agent.platforms.base import Disk, Interface, Listener, Running, Unsupported

# Their answers may wait for another machine, and for ever when that is gone.
REMOTE_FILESYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "9p", "fuse.sshfs", "fuse.glusterfs", "davfs", "webdav"}
)
# Read-only images and layers of containers: always full, and no disk of their own.
IMAGE_FILESYSTEMS = frozenset({"squashfs", "overlay", "iso9660", "udf", "erofs", "cramfs"})


def architecture() -> str:
    """As in `x86_64`, `aarch64`."""
    machine = platform.machine()
    return {"AMD64": "x86_64", "arm64": "aarch64", "ARM64": "aarch64"}.get(machine, machine)


def hostname() -> str:
    """The first label of the host's name, in lower case."""
    return socket.gethostname().partition(".")[0].lower()


def fqdn() -> str:
    """The full name if the machine knows one, else empty. Never asks a name server: that may take long."""
    name = socket.gethostname().lower().rstrip(".")
    return name if "." in name and not name.startswith("localhost") else ""


def local_partitions() -> list[tuple[str, str, str]]:
    """Device, mount point and kind of each local file system, each device once."""
    found: dict[str, tuple[str, str, str]] = {}
    for part in psutil.disk_partitions(all=False):
        kind = part.fstype.lower()
        if not kind or kind in REMOTE_FILESYSTEMS or kind in IMAGE_FILESYSTEMS:
            continue
        known = found.get(part.device)
        if known is None or len(part.mountpoint) < len(known[1]):
            found[part.device] = (part.device, part.mountpoint, part.fstype)
    return sorted(found.values())


def filesystems() -> list[Disk]:
    """The mounted local file systems."""
    disks = []
    for device, mountpoint, kind in local_partitions():
        try:
            size = psutil.disk_usage(mountpoint).total
        except OSError:  # unmounted meanwhile, or a drive without a medium
            continue
        disks.append(Disk(device=device, mount_point=mountpoint, filesystem=kind, size_bytes=size))
    return disks


def interfaces(is_virtual: Callable[[str], bool]) -> list[Interface]:
    """Every interface but the loopback, with its addresses as texts, without scopes."""
    found = []
    for name, addresses in sorted(psutil.net_if_addrs().items()):
        texts: list[str] = []
        mac = ""
        for address in addresses:
            if address.family in (socket.AF_INET, socket.AF_INET6):
                texts.append(address.address.partition("%")[0])
            elif address.family == psutil.AF_LINK:
                mac = address.address.replace("-", ":").lower()
        if texts and all(_is_loopback(text) for text in texts):
            continue
        found.append(Interface(name=name, mac=mac, addresses=tuple(sorted(texts)), virtual=is_virtual(name)))
    return found


def listeners() -> list[Listener]:
    """Listening TCP sockets and bound UDP sockets; raises `Unsupported` where other users' sockets may not be seen."""
    try:
        connections = psutil.net_connections(kind="inet")
    except psutil.AccessDenied as error:
        raise Unsupported("sockets of other users are only shown to an administrator") from error
    names: dict[int, str] = {0: ""}
    found = set()
    for connection in connections:
        if not connection.laddr or not _waits(connection):
            continue
        pid = connection.pid or 0
        if pid not in names:
            names[pid] = process_name(pid)
        protocol = "tcp" if connection.type == socket.SOCK_STREAM else "udp"
        found.add(Listener(names[pid], connection.laddr.port, protocol, every_address_is_empty(connection.laddr.ip)))
    return sorted(found)


def listening_ports() -> frozenset[int]:
    """Ports on which TCP connections are taken."""
    try:
        connections: Iterable[psutil._common.sconn] = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied as error:
        raise Unsupported("sockets of other users are only shown to an administrator") from error
    return frozenset(connection.laddr.port for connection in connections if connection.status == psutil.CONN_LISTEN)


def running() -> list[Running]:
    """Every process that runs."""
    found = []
    for process in psutil.process_iter(["name", "cmdline", "status"]):
        told = process.info
        if told["status"] not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            found.append(Running(told["name"] or "", tuple(told["cmdline"] or ())))
    return found


def process_name(pid: int) -> str:
    """Name of a process; empty when it has ended or may not be seen."""
    try:
        return str(psutil.Process(pid).name())
    except psutil.Error:
        return ""


def every_address_is_empty(address: str) -> str:
    """The address, or an empty text where it stands for all of them."""
    return "" if ipaddress.ip_address(address.partition("%")[0]).is_unspecified else address.partition("%")[0]


def boot_time() -> int:
    """When the machine was started, in seconds since 1970."""
    return int(psutil.boot_time())


def _waits(connection: "psutil._common.sconn") -> bool:
    if connection.type == socket.SOCK_STREAM:
        return bool(connection.status == psutil.CONN_LISTEN)
    return not connection.raddr


def _is_loopback(text: str) -> bool:
    return ipaddress.ip_address(text).is_loopback
