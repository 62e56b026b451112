"""What operating systems tell, read from texts and folders as they make them."""

import os
import plistlib
import socket
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.platforms import dpkg, macos, procnet, rpm, this_platform, windows
from agent.platforms.base import Package, Unsupported
from agent.platforms.linux import Linux, cpu_model, hypervisor, os_release, process_state
from agent.platforms.machine import application_id
from agent.platforms.shared import every_address_is_empty

STATUS = """\
Package: openssl
Status: install ok installed
Architecture: amd64
Version: 3.0.11-1~deb12u2
Description: Secure Sockets Layer toolkit
 Package: not-a-field
Conffiles:
 /etc/ssl/openssl.cnf 1234

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1.0

Package: half
Status: install ok half-configured
Version: 2.0

Package: last
Status: hold ok installed
Version: 1:2-3
Architecture: all
"""

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0000000000000000 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4243 1 0000000000000000 100 0 0 10 0
   2: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 4244 1 0000000000000000 20 4 30 10 -1
"""


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def header(**fields: tuple[int, int, bytes]) -> bytes:
    """An rpm header of these entries: tag, type, data."""
    index, store = b"", b""
    for tag, kind, data in fields.values():
        index += struct.pack(">IIII", tag, kind, len(store), 1)
        store += data
    return struct.pack(">II", len(fields), len(store)) + index + store


def test_only_installed_packages_of_a_status_file_are_told() -> None:
    assert list(dpkg.packages(STATUS.splitlines(keepends=True))) == [
        Package("openssl", "3.0.11-1~deb12u2", "amd64", "dpkg"),
        Package("last", "1:2-3", "all", "dpkg"),
    ]


@given(st.lists(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=40)))
def test_no_text_breaks_the_reading_of_a_status_file(lines: list[str]) -> None:
    for one in dpkg.packages(lines):
        assert one.name and one.version


def test_an_rpm_header_tells_name_epoch_version_and_architecture() -> None:
    told = header(
        name=(1000, 6, b"bash\0"),
        version=(1001, 6, b"5.2\0"),
        release=(1002, 6, b"4.el9\0"),
        epoch=(1003, 4, struct.pack(">I", 2)),
        arch=(1022, 6, b"x86_64\0"),
    )
    assert rpm.package(told) == Package("bash", "2:5.2-4.el9", "x86_64", "rpm")


def test_a_key_in_the_rpm_database_is_no_package() -> None:
    assert rpm.package(header(name=(1000, 6, b"gpg-pubkey\0"), version=(1001, 6, b"1\0"))) is None


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading_of_an_rpm_header(damaged: bytes) -> None:
    found = rpm.package(damaged)
    assert found is None or found.name


@given(st.binary(max_size=64), st.integers(0, 3))
def test_an_rpm_header_that_points_outside_of_itself_is_read_without_an_error(store: bytes, entries: int) -> None:
    index = b"".join(struct.pack(">IIII", 1000, 6, 1 << 20, 1) for _ in range(entries))
    assert rpm.package(struct.pack(">II", entries, len(store)) + index + store) is None


def test_the_rpm_database_of_today_is_read_without_the_program(tmp_path: Path) -> None:
    folder = tmp_path / "var/lib/rpm"
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "rpmdb.sqlite")) as database, database:
        database.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
        told = header(name=(1000, 6, b"zsh\0"), version=(1001, 6, b"5.9\0"), release=(1002, 6, b"1\0"))
        database.execute("INSERT INTO Packages (blob) VALUES (?)", (told,))
    assert Linux(tmp_path).packages() == [Package("zsh", "5.9-1", "", "rpm")]


def test_what_the_rpm_program_lists_is_understood() -> None:
    lines = ["bash\t0\t5.2\t4\tx86_64", "glibc\t(none)\t2.34\t60\t(none)", "warning: something else"]
    assert list(rpm.listed(lines)) == [Package("bash", "5.2-4", "x86_64", "rpm"), Package("glibc", "2.34-60", "", "rpm")]


def test_a_system_without_a_package_database_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unsupported):
        Linux(tmp_path).packages()


def test_the_mark_of_packages_changes_when_their_database_does(tmp_path: Path) -> None:
    write(tmp_path, "var/lib/dpkg/status", STATUS)
    machine = Linux(tmp_path)
    before = machine.packages_mark()
    assert before == machine.packages_mark()
    write(tmp_path, "var/lib/dpkg/status", STATUS + "\n")
    assert machine.packages_mark() != before


def test_only_sockets_that_listen_are_taken_from_the_tcp_table() -> None:
    found = [(one.address, one.port, one.inode) for one in procnet.waiting("tcp", TCP.splitlines())]
    assert found == [("127.0.0.1", 8080, 4242), ("0.0.0.0", 22, 4243)]  # noqa: S104 - a text


def test_a_connected_udp_socket_is_a_clients_and_not_told() -> None:
    table = [
        "  1: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 7 2 0 0",
        "  2: 0100007F:A000 0100007F:0035 07 00000000:00000000 00:00000000 00000000 0 0 8 2 0 0",
    ]
    assert [one.port for one in procnet.waiting("udp", table)] == [53]


@given(st.ip_addresses(v=6))
def test_an_address_of_version_6_is_read_back_from_the_kernels_words(told: object) -> None:
    raw = told.packed  # type: ignore[attr-defined]
    words = "".join(f"{word:08X}" for word in struct.unpack("=4I", raw))
    assert procnet.address(words) == socket.inet_ntop(socket.AF_INET6, raw).removeprefix("::ffff:")


def test_all_addresses_are_told_as_an_empty_text() -> None:
    assert [every_address_is_empty(one) for one in ("0.0.0.0", "::", "fe80::1%eth0", "10.0.0.1")] == [  # noqa: S104 - texts
        "", "", "fe80::1", "10.0.0.1",
    ]  # fmt: skip


def test_a_name_with_brackets_and_blanks_does_not_shift_the_state_of_a_process() -> None:
    assert process_state("42 (a) b (c) S 1 42") == ("a) b (c", "S")
    assert process_state("43 (defunct) Z 1 43") == ("defunct", "Z")
    assert process_state("") == ("", "")


def test_a_process_that_has_ended_does_not_count_as_running(tmp_path: Path) -> None:
    mine = os.getpid()
    write(tmp_path, f"proc/{mine}/stat", f"{mine} (pytest) S 1")
    write(tmp_path, f"proc/{mine}/cmdline", "python\0-m\0pytest\0")
    assert [(one.name, one.command) for one in Linux(tmp_path).running()] == [("pytest", ("python", "-m", "pytest"))]
    write(tmp_path, f"proc/{mine}/stat", f"{mine} (pytest) Z 1")
    assert Linux(tmp_path).running() == []


def test_a_name_that_the_kernel_has_cut_is_completed(tmp_path: Path) -> None:
    mine = os.getpid()
    write(tmp_path, f"proc/{mine}/stat", f"{mine} (prometheus-aler) S 1")
    write(tmp_path, f"proc/{mine}/cmdline", "/usr/bin/prometheus-alertmanager\0--web\0")
    assert Linux(tmp_path).running()[0].name == "prometheus-alertmanager"


def test_the_release_file_is_unquoted() -> None:
    told = os_release("NAME=\"Debian GNU/Linux\"\n# comment=1\nVERSION_ID='12'\nID=debian\n")
    assert told == {"NAME": "Debian GNU/Linux", "VERSION_ID": "12", "ID": "debian"}


def test_the_firmware_tells_what_the_machine_is(tmp_path: Path) -> None:
    for name, text in {
        "sys_vendor": "Dell Inc.\n", "product_name": "PowerEdge R640\n", "product_serial": "7XK2\n",
        "product_uuid": "4C4C4544-0058-4B10\n",
    }.items():  # fmt: skip
        write(tmp_path, f"sys/class/dmi/id/{name}", text)
    write(tmp_path, "proc/cpuinfo", "processor\t: 0\nmodel name\t: Xeon 6130\nflags\t\t: fpu vme\n")
    told = Linux(tmp_path).hardware()
    assert (told.vendor, told.model, told.serial, told.uuid, told.cpu, told.virtualization) == (
        "Dell Inc.", "PowerEdge R640", "7XK2", "4c4c4544-0058-4b10", "Xeon 6130", "",
    )  # fmt: skip


def test_a_container_does_not_claim_the_identity_of_its_host(tmp_path: Path) -> None:
    write(tmp_path, "sys/class/dmi/id/product_serial", "7XK2\n")
    write(tmp_path, "sys/class/dmi/id/product_uuid", "4c4c4544\n")
    write(tmp_path, ".dockerenv", "")
    told = Linux(tmp_path).hardware()
    assert (told.serial, told.uuid, told.virtualization) == ("", "", "docker")


@pytest.mark.parametrize(
    ("vendor", "model", "info", "kind"),
    [
        ("QEMU", "Standard PC", "", "kvm"),
        ("VMware, Inc.", "VMware7,1", "", "vmware"),
        ("Microsoft Corporation", "Virtual Machine", "", "hyper-v"),
        ("", "", "flags\t\t: fpu hypervisor lahf\n", "vm"),
        ("Dell Inc.", "R640", "flags\t\t: fpu vme\nbugs\t: hypervisor\n", ""),
    ],
)
def test_a_virtual_machine_is_told_from_a_real_one(vendor: str, model: str, info: str, kind: str) -> None:
    assert hypervisor(vendor, model, info) == kind


def test_a_processor_without_a_name_is_told_as_none() -> None:
    assert cpu_model("processor\t: 0\nBogoMIPS\t: 48.00\n") == ""


def test_interfaces_without_hardware_and_docks_are_virtual(tmp_path: Path) -> None:
    classes = tmp_path / "sys/class/net"
    (classes / "eth0/device").mkdir(parents=True)
    (tmp_path / "sys/bus/pci").mkdir(parents=True)
    (tmp_path / "sys/bus/usb").mkdir(parents=True)
    (classes / "eth0/device/subsystem").symlink_to(tmp_path / "sys/bus/pci")
    (classes / "dock0/device").mkdir(parents=True)
    (classes / "dock0/device/subsystem").symlink_to(tmp_path / "sys/bus/usb")
    (classes / "br0").mkdir()
    machine = Linux(tmp_path)
    assert [machine._is_virtual(name) for name in ("eth0", "dock0", "br0")] == [False, True, True]


def test_block_devices_of_the_kernels_own_making_are_no_disks(tmp_path: Path) -> None:
    write(tmp_path, "sys/block/sda/size", "1000\n")
    write(tmp_path, "sys/block/sda/device/model", "Samsung SSD\n")
    write(tmp_path, "sys/block/loop0/size", "8\n")
    write(tmp_path, "sys/block/sdb/size", "0\n")
    found = [one for one in Linux(tmp_path).disks() if not one.mount_point]
    assert [(one.device, one.size_bytes, one.model) for one in found] == [("/dev/sda", 512_000, "Samsung SSD")]


def test_this_very_process_is_seen_with_its_port() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        machine = this_platform()
        mine = [one for one in machine.listeners() if one.port == port and one.protocol == "tcp"]
        assert [(one.address, bool(one.name)) for one in mine] == [("127.0.0.1", True)]
        assert port in machine.listening_ports()


def test_windows_11_is_told_from_10_by_its_build() -> None:
    old = {"ProductName": "Windows 10 Pro", "CurrentBuildNumber": "19045", "UBR": 3}
    new = {"ProductName": "Windows 10 Pro", "CurrentBuildNumber": "22631", "UBR": 7}
    assert windows.release(old) == ("Windows 10 Pro", "19045.3")
    assert windows.release(new) == ("Windows 11 Pro", "22631.7")


def test_updates_and_parts_of_programs_are_no_packages_of_windows() -> None:
    entries = [
        {"DisplayName": "7-Zip", "DisplayVersion": "23.01"},
        {"DisplayName": "7-Zip", "DisplayVersion": "23.01"},
        {"DisplayName": "Update for X", "ParentKeyName": "X"},
        {"DisplayName": "Runtime", "SystemComponent": 1},
        {"UninstallString": "x"},
    ]
    assert list(windows.programs(entries)) == [Package("7-Zip", "23.01", "", "windows")]


def test_away_from_windows_its_registry_is_unsupported_rather_than_empty() -> None:
    with pytest.raises(Unsupported):
        windows.Windows().packages()


def test_receipts_and_applications_are_the_packages_of_macos(tmp_path: Path) -> None:
    receipt = tmp_path / "var/db/receipts/com.x.plist"
    receipt.parent.mkdir(parents=True)
    receipt.write_bytes(plistlib.dumps({"PackageIdentifier": "com.x", "PackageVersion": "1.2"}))
    info = tmp_path / "Applications/Firefox.app/Contents/Info.plist"
    info.parent.mkdir(parents=True)
    info.write_bytes(plistlib.dumps({"CFBundleShortVersionString": "120.0"}))
    broken = tmp_path / "Applications/Broken.app/Contents/Info.plist"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"not a list")
    assert macos.MacOs(tmp_path).packages() == [
        Package("Firefox", "120.0", "", "app"),
        Package("com.x", "1.2", "", "pkgutil"),
    ]


def test_macos_tells_its_version_from_the_property_list(tmp_path: Path) -> None:
    file = tmp_path / "System/Library/CoreServices/SystemVersion.plist"
    file.parent.mkdir(parents=True)
    file.write_bytes(plistlib.dumps({"ProductName": "macOS", "ProductVersion": "14.2"}))
    told = macos.MacOs(tmp_path).system()
    assert (told.os, told.version) == ("macOS", "14.2")


def test_the_id_of_the_installed_system_leaves_the_machine_as_a_hash_for_this_platform(tmp_path: Path) -> None:
    write(tmp_path, "etc/machine-id", "5b3b7b6a1c8f4e0d9a2f6c7d8e9fa0b1\n")
    told = Linux(tmp_path).system().machine_id
    # What `systemd-id128 --app-specific` says of it.
    assert told == "495583c9-e539-40c1-9934-f6971fef405c"
    write(tmp_path, ".dockerenv", "")
    assert Linux(tmp_path).system().machine_id == ""


def test_an_older_system_keeps_its_id_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, "var/lib/dbus/machine-id", "5b3b7b6a1c8f4e0d9a2f6c7d8e9fa0b1")
    assert Linux(tmp_path).system().machine_id == "495583c9-e539-40c1-9934-f6971fef405c"


@pytest.mark.parametrize("text", ["", "uninitialized", "0" * 32, "f" * 32, "0123456789abcdef" * 2, "5b3b7b6a"])
def test_what_no_system_was_given_by_itself_is_not_told(text: str) -> None:
    assert application_id(text) == ""
