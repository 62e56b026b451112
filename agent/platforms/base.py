"""The parts of an inventory, and the interface that each operating system fills.

A part that cannot be told on this machine raises `Unsupported`; the report then names the section as partial, so that
nobody takes "not told" for "not there".
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Unsupported(Exception):
    """This section cannot be told here; the message says why."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """The machine itself. Texts are as the firmware tells them; junk among them is sorted out by the receiver.

    `virtualization` is what it runs inside of (`kvm`, `vmware`, `docker`), empty on bare metal. In a container the
    firmware's serial and UUID are the host's, and therefore not told.
    """

    vendor: str = ""
    model: str = ""
    serial: str = ""
    uuid: str = ""
    cpu: str = ""
    cpu_count: int = 0
    memory_bytes: int = 0
    architecture: str = ""
    virtualization: str = ""


@dataclass(frozen=True, slots=True)
class System:
    """The operating system. `boot_time` is in seconds since 1970, `machine_id` as in `machine.py`, empty in a container."""

    os: str = ""
    version: str = ""
    kernel: str = ""
    hostname: str = ""
    fqdn: str = ""
    boot_time: int = 0
    machine_id: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """Installed software. `manager` is who knows of it: dpkg, rpm, …"""

    name: str
    version: str
    architecture: str = ""
    manager: str = ""


@dataclass(frozen=True, slots=True)
class Disk:
    """A block device, or a mounted file system of it when `mount_point` is set. Sizes are bytes."""

    device: str
    mount_point: str = ""
    filesystem: str = ""
    size_bytes: int = 0
    model: str = ""
    serial: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface. `virtual`: no hardware of this machine stands behind it, so its address identifies nothing."""

    name: str
    mac: str = ""
    addresses: Sequence[str] = field(default_factory=tuple)
    virtual: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Listener:
    """A process that waits for connections. Without a process id: a restart is no change of the inventory.

    `address` is empty for all addresses.
    """

    name: str
    port: int
    protocol: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """A process that runs: its name, and the words of its command line (empty where they may not be seen)."""

    name: str
    command: tuple[str, ...] = ()


class Platform(Protocol):
    """What an operating system tells. Each method may raise `Unsupported`; none keeps state between calls."""

    @property
    def name(self) -> str:
        """The kind of system: linux, windows, darwin."""
        ...

    def hardware(self) -> Hardware:
        """The machine itself."""
        ...

    def system(self) -> System:
        """The operating system."""
        ...

    def packages(self) -> list[Package]:
        """Installed packages, sorted."""
        ...

    def packages_mark(self) -> str:
        """Changes whenever the packages may have; cheap. An empty mark says that only reading them tells."""
        ...

    def disks(self) -> list[Disk]:
        """Block devices and mounted file systems, sorted."""
        ...

    def interfaces(self) -> list[Interface]:
        """Network interfaces, sorted."""
        ...

    def listeners(self) -> list[Listener]:
        """Processes that wait for connections, sorted; the process is empty where it may not be seen."""
        ...

    def listening_ports(self) -> frozenset[int]:
        """Ports on which TCP connections are taken; cheap."""
        ...

    def running(self) -> list[Running]:
        """Every process that runs; one that has ended and waits to be collected does not."""
        ...
