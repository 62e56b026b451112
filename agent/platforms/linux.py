"""Linux, from `/proc`, `/sys`, `/etc` and the package databases. Nothing is spawned, except `rpm` for its old databases."""

import os
import platform
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil

from agent.platforms import dpkg, rpm, shared
from agent.platforms.base import Disk, Hardware, Interface, Listener, Package, Running, System, Unsupported
from agent.platforms.machine import application_id
from agent.platforms.procnet import Socket, waiting

_TABLES = (("tcp", "tcp"), ("tcp", "tcp6"), ("udp", "udp"), ("udp", "udp6"))
# Block devices of the kernel's own making.
_NO_DISKS = ("loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd")
_SECTOR = 512
_ENDED = ("Z", "X", "x")
_CUT = 15  # the kernel keeps so many characters of a process's name
# Words in the firmware's names of vendor and model, and what they mean.
_HYPERVISORS = {
    "kvm": "kvm", "qemu": "kvm", "amazon ec2": "kvm", "google compute engine": "kvm", "openstack": "kvm",
    "vmware": "vmware", "virtualbox": "virtualbox", "innotek": "virtualbox", "xen": "xen", "parallels": "parallels",
    "virtual machine": "hyper-v", "bochs": "bochs",
}  # fmt: skip


class Linux:
    """`root` is where the system's files are: `/`, or a copy of some of them in a test."""

    name = "linux"

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def hardware(self) -> Hardware:
        """From the firmware's tables as the kernel shows them; serial and UUID are shown to root alone."""
        info = self._read("proc/cpuinfo")
        container = self._container()
        vendor, model = self._dmi("sys_vendor"), self._dmi("product_name")
        return Hardware(
            vendor=vendor or self._device_tree("vendor"),
            model=model or self._device_tree("model"),
            serial="" if container else self._dmi("product_serial") or self._device_tree("serial-number"),
            uuid="" if container else self._dmi("product_uuid").lower(),
            cpu=cpu_model(info),
            cpu_count=os.cpu_count() or 0,
            memory_bytes=psutil.virtual_memory().total,
            architecture=shared.architecture(),
            virtualization=container or hypervisor(vendor, model, info),
        )

    def system(self) -> System:
        """From `os-release` and the kernel."""
        release = os_release(self._read("etc/os-release") or self._read("usr/lib/os-release"))
        kernel = platform.uname()
        return System(
            os=release.get("NAME", kernel.system),
            version=release.get("VERSION_ID", ""),
            kernel=kernel.release,
            hostname=shared.hostname(),
            fqdn=shared.fqdn(),
            boot_time=shared.boot_time(),
            machine_id="" if self._container() else application_id(self._machine_id()),
        )

    def packages(self) -> list[Package]:
        """Of dpkg and of rpm, whichever keep a database here."""
        found: list[Package] = []
        status = self._root / "var/lib/dpkg/status"
        databases = self._rpm_databases()
        if status.exists():
            with status.open(encoding="utf-8", errors="replace") as lines:
                found += sorted(dpkg.packages(lines), key=lambda one: (one.name, one.architecture))
        for database in databases:
            found += rpm.packages(database)
        if not found and not status.exists() and not databases:
            raise Unsupported("neither dpkg nor rpm keeps packages here")
        return found

    def packages_mark(self) -> str:
        """Times and sizes of the databases."""
        files = [self._root / "var/lib/dpkg/status"]
        files += [file for database in self._rpm_databases() for file in sorted(database.iterdir())]
        return ";".join(f"{file}:{known.st_mtime_ns}:{known.st_size}" for file in files if (known := _stat(file)))

    def disks(self) -> list[Disk]:
        """Whole block devices as the kernel knows them, then the mounted file systems."""
        return [*self._devices(), *shared.filesystems()]

    def interfaces(self) -> list[Interface]:
        """Virtual are those without a device below (bridges, tunnels, containers' ends) and those on USB (docks)."""
        return shared.interfaces(self._is_virtual)

    def listeners(self) -> list[Listener]:
        """Sockets from the kernel's tables; their processes by walking over the open files that may be seen."""
        sockets = list(self._waiting())
        owners = _owners({one.inode for one in sockets})
        empty = shared.every_address_is_empty
        return sorted({Listener(owners.get(one.inode, ""), one.port, one.protocol, empty(one.address)) for one in sockets})

    def listening_ports(self) -> frozenset[int]:
        """Straight from the kernel's tables."""
        return frozenset(one.port for one in self._waiting() if one.protocol == "tcp")

    def running(self) -> list[Running]:
        """Two small files of each process; a name that the kernel has cut is completed from the command line."""
        found = []
        for pid in psutil.pids():
            name, state = process_state(self._read(f"proc/{pid}/stat"))
            if not name or state in _ENDED:
                continue
            words = tuple(word for word in self._read(f"proc/{pid}/cmdline").split("\0") if word)
            program = words[0].rpartition("/")[2] if words else ""
            found.append(Running(program if len(name) == _CUT and program.startswith(name) else name, words))
        return found

    def _machine_id(self) -> str:
        return self._read("etc/machine-id") or self._read("var/lib/dbus/machine-id")

    def _waiting(self) -> Iterator[Socket]:
        for protocol, table in _TABLES:
            yield from waiting(protocol, self._read(f"proc/net/{table}").splitlines())

    def _devices(self) -> Iterator[Disk]:
        folder = self._root / "sys/block"
        for device in sorted(folder.iterdir()) if folder.exists() else ():
            sectors = self._read(f"sys/block/{device.name}/size").strip()
            if device.name.startswith(_NO_DISKS) or not sectors.isdigit() or sectors == "0":
                continue
            yield Disk(
                device=f"/dev/{device.name}",
                size_bytes=int(sectors) * _SECTOR,
                model=self._read(f"sys/block/{device.name}/device/model").strip(),
                serial=self._read(f"sys/block/{device.name}/device/serial").strip()
                or self._read(f"sys/block/{device.name}/serial").strip(),
            )

    def _is_virtual(self, name: str) -> bool:
        device = self._root / "sys/class/net" / name / "device"
        return not device.exists() or (device / "subsystem").resolve().name == "usb"

    def _container(self) -> str:
        """The kind of container that this runs in; empty outside of one."""
        told = self._read("run/systemd/container").strip()
        if told:
            return told
        if (self._root / ".dockerenv").exists():
            return "docker"
        return "podman" if (self._root / "run/.containerenv").exists() else ""

    def _rpm_databases(self) -> list[Path]:
        folders = [self._root / "usr/lib/sysimage/rpm", self._root / "var/lib/rpm"]
        real = {folder.resolve() for folder in folders if folder.is_dir()}
        return sorted(folder for folder in real if any(folder.iterdir()))

    def _dmi(self, name: str) -> str:
        return self._read(f"sys/class/dmi/id/{name}").strip()

    def _device_tree(self, name: str) -> str:
        return self._read(f"proc/device-tree/{name}").strip("\0 \n")

    def _read(self, name: str) -> str:
        """The text of a file; empty when it is not there, not ours to read, or says that it knows nothing."""
        try:
            return (self._root / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""


def os_release(text: str) -> dict[str, str]:
    """Assignments of an `os-release` file, unquoted (freedesktop.org's specification of that file)."""
    found = {}
    for line in text.splitlines():
        name, assigned, value = line.strip().partition("=")
        if assigned and not name.startswith("#"):
            found[name] = value.strip().strip("\"'")
    return found


def process_state(text: str) -> tuple[str, str]:
    """Name and state letter in the text of `/proc/<pid>/stat`; the name may hold brackets and blanks. Empty if it ended."""
    before, found, after = text.rpartition(")")
    return (before.partition("(")[2], after.split()[0]) if found and after.split() else ("", "")


def cpu_model(info: str) -> str:
    """The name of the processor in the text of `/proc/cpuinfo`; empty where it has none, as on many ARM machines."""
    for line in info.splitlines():
        name, told, value = line.partition(":")
        if told and name.strip() in ("model name", "Model", "cpu model"):
            return value.strip()
    return ""


def hypervisor(vendor: str, model: str, info: str) -> str:
    """What a virtual machine runs in, of its firmware's names and `/proc/cpuinfo`; `vm` when nothing tells which."""
    told = f"{vendor} {model}".lower()
    for word, kind in _HYPERVISORS.items():
        if word in told:
            return kind
    return "vm" if re.search(r"^flags\s*:.* hypervisor\b", info, re.MULTILINE) else ""


def _owners(inodes: set[int]) -> dict[int, str]:
    """Name of the process that holds each of these sockets."""
    found: dict[int, str] = {}
    for pid in psutil.pids():
        if len(found) == len(inodes):
            break
        held = [inode for inode in _sockets(pid) if inode in inodes and inode not in found]
        if held:
            found |= dict.fromkeys(held, shared.process_name(pid))
    return found


def _sockets(pid: int) -> Iterator[int]:
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)  # noqa: PTH208 - thousands of names; paths would double the cost
    except OSError:  # ended meanwhile, or another user's
        return
    for name in names:
        try:
            known = os.stat(f"{folder}/{name}")  # noqa: PTH116 - as above
        except OSError:
            continue
        if stat.S_ISSOCK(known.st_mode):
            yield known.st_ino


def _stat(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None
