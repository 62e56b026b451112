"""macOS: what psutil tells, and the system from its property lists. Hardware needs calls that are not made here."""

import platform
import plistlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from agent.platforms import shared
from agent.platforms.base import Disk, Hardware, Interface, Listener, Package, Running, System

_VERSION = "System/Library/CoreServices/SystemVersion.plist"
_RECEIPTS = "var/db/receipts"
_APPLICATIONS = "Applications"
_REAL_INTERFACES = ("en",)


class MacOs:
    """Serial number and UUID are only told by IOKit, which this agent does not ask: the receiver identifies by other means."""

    name = "darwin"

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def hardware(self) -> Hardware:
        """Vendor, processor and memory."""
        return Hardware(
            vendor="Apple",
            cpu=platform.processor(),
            cpu_count=psutil.cpu_count() or 0,
            memory_bytes=psutil.virtual_memory().total,
            architecture=shared.architecture(),
        )

    def system(self) -> System:
        """From the system's property list."""
        told = _plist(self._root / _VERSION)
        return System(
            os=str(told.get("ProductName", "macOS")),
            version=str(told.get("ProductVersion", "")),
            kernel=platform.release(),
            hostname=shared.hostname(),
            fqdn=shared.fqdn(),
            boot_time=shared.boot_time(),
        )

    def packages(self) -> list[Package]:
        """Receipts of installer packages, and applications."""
        return sorted({*self._receipts(), *self._applications()}, key=lambda one: (one.name, one.version))

    def packages_mark(self) -> str:
        """Nothing cheap tells of an application that was replaced in place."""
        return ""

    def disks(self) -> list[Disk]:
        """Mounted volumes."""
        return shared.filesystems()

    def interfaces(self) -> list[Interface]:
        """Only `en…` have hardware."""
        return shared.interfaces(is_virtual)

    def listeners(self) -> list[Listener]:
        """As psutil tells; needs root."""
        return shared.listeners()

    def listening_ports(self) -> frozenset[int]:
        """As psutil tells; needs root."""
        return shared.listening_ports()

    def running(self) -> list[Running]:
        """As psutil tells."""
        return shared.running()

    def _receipts(self) -> Iterator[Package]:
        for file in sorted((self._root / _RECEIPTS).glob("*.plist")):
            yield from receipt(_plist(file))

    def _applications(self) -> Iterator[Package]:
        for file in sorted((self._root / _APPLICATIONS).glob("*.app/Contents/Info.plist")):
            yield from application(file.parent.parent.stem, _plist(file))


def receipt(told: Mapping[str, Any]) -> Iterator[Package]:
    """The package that an installer's receipt tells of."""
    if told.get("PackageIdentifier") and told.get("PackageVersion"):
        yield Package(str(told["PackageIdentifier"]), str(told["PackageVersion"]), "", "pkgutil")


def application(folder: str, told: Mapping[str, Any]) -> Iterator[Package]:
    """The application whose property list this is; named by its folder, as people know it."""
    version = told.get("CFBundleShortVersionString") or told.get("CFBundleVersion")
    if version:
        yield Package(folder, str(version), "", "app")


def is_virtual(name: str) -> bool:
    """Whether an interface of this name has no hardware of its own."""
    return not name.startswith(_REAL_INTERFACES)


def _plist(file: Path) -> Mapping[str, Any]:
    """A property list; empty when it is not there, not ours to read, or damaged."""
    try:
        told = plistlib.loads(file.read_bytes())
    except (OSError, plistlib.InvalidFileException, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
