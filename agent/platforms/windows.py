"""Windows: what psutil tells, and hardware, system and packages from the registry."""

import importlib
import platform
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import psutil

from agent.platforms import shared
from agent.platforms.base import Disk, Hardware, Interface, Listener, Package, Running, System, Unsupported
from agent.platforms.machine import application_id

_BIOS = r"HARDWARE\DESCRIPTION\System\BIOS"
_CPU = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
_WINDOWS = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_CRYPTOGRAPHY = r"SOFTWARE\Microsoft\Cryptography"
_UNINSTALL = (
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall",
    r"SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall",
)
_FIRST_BUILD_OF_11 = 22000

Values = Mapping[str, Any]


class Windows:
    """Serial number and UUID are only told by WMI, which this agent does not ask: the receiver identifies by other means."""

    name = "windows"

    def hardware(self) -> Hardware:
        """From the registry's copy of the firmware's tables."""
        bios, cpu = self._values(_BIOS), self._values(_CPU)
        return Hardware(
            vendor=str(bios.get("SystemManufacturer", "")),
            model=str(bios.get("SystemProductName", "")),
            cpu=str(cpu.get("ProcessorNameString", "")).strip(),
            cpu_count=psutil.cpu_count() or 0,
            memory_bytes=psutil.virtual_memory().total,
            architecture=shared.architecture(),
            virtualization="hyper-v" if str(bios.get("SystemProductName", "")) == "Virtual Machine" else "",
        )

    def system(self) -> System:
        """From the registry."""
        name, version = release(self._values(_WINDOWS))
        return System(
            os=name,
            version=version,
            kernel=platform.version(),
            hostname=shared.hostname(),
            fqdn=shared.fqdn(),
            boot_time=shared.boot_time(),
            machine_id=application_id(str(self._values(_CRYPTOGRAPHY).get("MachineGuid", ""))),
        )

    def packages(self) -> list[Package]:
        """Programs that can be uninstalled, those of 32 bits too."""
        entries = (values for folder in _UNINSTALL for values in self._below(folder))
        return sorted(programs(entries), key=lambda one: (one.name, one.version))

    def packages_mark(self) -> str:
        """Nothing cheap tells."""
        return ""

    def disks(self) -> list[Disk]:
        """Volumes with a letter."""
        return shared.filesystems()

    def interfaces(self) -> list[Interface]:
        """The name says which are virtual; nothing else that is cheap does."""
        return shared.interfaces(is_virtual)

    def listeners(self) -> list[Listener]:
        """As psutil tells."""
        return shared.listeners()

    def listening_ports(self) -> frozenset[int]:
        """As psutil tells."""
        return shared.listening_ports()

    def running(self) -> list[Running]:
        """As psutil tells."""
        return shared.running()

    def _values(self, folder: str) -> Values:
        registry = _registry()
        try:
            with registry.OpenKey(registry.HKEY_LOCAL_MACHINE, folder) as key:
                return dict(_enumerated(registry, key))
        except OSError:
            return {}

    def _below(self, folder: str) -> Iterator[Values]:
        registry = _registry()
        try:
            with registry.OpenKey(registry.HKEY_LOCAL_MACHINE, folder) as key:
                names = [registry.EnumKey(key, at) for at in range(registry.QueryInfoKey(key)[0])]
        except OSError:
            return
        for name in names:
            yield self._values(f"{folder}\\{name}")


def release(values: Values) -> tuple[str, str]:
    """Name and version; Windows 11 still calls itself 10 and tells by its build."""
    name = str(values.get("ProductName", "Windows"))
    build = str(values.get("CurrentBuildNumber", ""))
    if build.isdigit() and int(build) >= _FIRST_BUILD_OF_11:
        name = name.replace("Windows 10", "Windows 11")
    revision = values.get("UBR")
    return name, f"{build}.{revision}" if revision is not None else build


def programs(entries: Iterable[Values]) -> Iterator[Package]:
    """Programs among entries for uninstalling; updates and parts of others are passed over, doubles told once."""
    seen = set()
    for entry in entries:
        name, version = str(entry.get("DisplayName", "")).strip(), str(entry.get("DisplayVersion", "")).strip()
        if not name or entry.get("SystemComponent") == 1 or entry.get("ParentKeyName") or (name, version) in seen:
            continue
        seen.add((name, version))
        yield Package(name, version, "", "windows")


def is_virtual(name: str) -> bool:
    """Whether an adapter of this name has no hardware of its own."""
    words = ("vethernet", "vmware", "virtualbox", "loopback", "tap-", "wireguard", "zerotier", "tailscale", "vpn", "teredo")
    return any(word in name.lower() for word in words)


def _registry() -> Any:
    try:
        return importlib.import_module("winreg")
    except ModuleNotFoundError as error:
        raise Unsupported("the registry is Windows' own") from error


def _enumerated(registry: Any, key: Any) -> Iterator[tuple[str, Any]]:
    for at in range(registry.QueryInfoKey(key)[1]):
        name, value, _ = registry.EnumValue(key, at)
        yield name, value
