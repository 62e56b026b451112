"""The inventory and the samples, as the platform's messages take them."""

import json

from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from itsm.asset.v1 import agent_service_pb2 as pb
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from agent import otlp
from agent.buffer import Section
from agent.inventory import Inventory, hashed, identifying, pieces, plain, report
from agent.metrics import Point, Sample, Sampler
from agent.platforms import this_platform
from agent.platforms.base import Disk, Hardware, Interface, Listener, Package, System, Unsupported
from agent.platforms.linux import Linux


class Counting(Linux):
    """A machine whose packages can be changed, or not be told."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.mark = "1"
        self.told: list[Package] | None = [Package("bash", "5.2")]

    def packages_mark(self) -> str:
        return self.mark

    def packages(self) -> list[Package]:
        self.reads += 1
        if self.told is None:
            raise Unsupported("not here")
        return self.told


def test_the_inventory_of_this_machine_is_what_the_platform_takes() -> None:
    sections = Inventory(this_platform()).look(1_769_860_800)
    message = pb.ReportInventoryRequest()
    json_format.ParseDict({"id": "agt_1", "version": "1", "inventory": report(sections)}, message)
    assert {"hardware", "system", "disks", "interfaces"} <= set(message.inventory.sections)
    assert message.inventory.hardware.memory_bytes > 1 << 20
    assert message.inventory.hardware.cpu_count >= 1
    assert message.inventory.system.hostname
    assert message.inventory.system.boot_time.seconds > 1_000_000_000
    assert any(disk.mount_point == "/" for disk in message.inventory.disks)


def test_two_looks_at_an_unchanged_machine_have_the_same_hashes() -> None:
    inventory = Inventory(this_platform())
    steady = ("hardware", "system", "packages", "disks")
    first = {one.name: one.hash for one in inventory.look(1) if one.name in steady}
    assert first == {one.name: one.hash for one in inventory.look(2) if one.name in steady}


def test_packages_are_read_again_only_when_their_mark_has_changed() -> None:
    machine = Counting()
    inventory = Inventory(machine)
    inventory.look(1)
    inventory.look(2)
    assert machine.reads == 1
    machine.mark, machine.told = "2", [Package("bash", "5.3")]
    after = next(one for one in inventory.look(3) if one.name == "packages")
    assert after.body == [{"name": "bash", "version": "5.3"}]
    machine.mark = ""
    inventory.look(4)
    inventory.look(5)
    assert machine.reads == 4


def test_a_section_that_cannot_be_told_is_left_out_rather_than_empty() -> None:
    machine = Counting()
    machine.told = None
    names = [one.name for one in Inventory(machine).look(1)]
    assert "packages" not in names
    assert "hardware" in names


def test_json_is_that_of_proto3_and_leaves_out_what_is_empty() -> None:
    assert plain(Hardware(vendor="Dell", memory_bytes=2**60, cpu_count=4)) == {
        "vendor": "Dell", "memoryBytes": str(2**60), "cpuCount": 4,
    }  # fmt: skip
    assert plain(System(os="Debian", boot_time=1_769_860_800)) == {"os": "Debian", "bootTime": "2026-01-31T12:00:00.000Z"}
    assert plain([Listener("nginx", 443, "tcp")]) == [{"name": "nginx", "port": 443, "protocol": "tcp"}]
    assert plain([Interface("eth0", "aa:bb", ("10.0.0.1",), virtual=True)]) == [
        {"name": "eth0", "mac": "aa:bb", "addresses": ["10.0.0.1"], "virtual": True}
    ]
    assert plain(Disk("/dev/sda", "/", "ext4", 5)) == {
        "device": "/dev/sda", "mountPoint": "/", "filesystem": "ext4", "sizeBytes": "5",
    }  # fmt: skip


@given(st.lists(st.text(max_size=30), max_size=200), st.integers(20, 2000))
def test_pieces_hold_every_entry_once_and_in_order(entries: list[str], size: int) -> None:
    section = Section("packages", 1, "x", entries)
    cut = pieces(section, size)
    assert [entry for piece in cut for entry in piece.body] == entries
    for piece in cut:
        assert len(piece.body) <= 1 or len(json.dumps(piece.body)) <= 4 * max(size, 200)


def test_a_piece_does_not_claim_to_be_the_whole_section() -> None:
    piece = Section("packages", 1, "x", [{"name": "bash", "version": "1"}])
    assert report([piece], partial=True)["sections"] == []
    assert report([piece])["sections"] == ["packages"]


def test_an_agent_is_introduced_by_what_identifies_its_machine() -> None:
    names = {one.name for one in identifying(Inventory(this_platform()).look(1))}
    assert names == {"hardware", "system", "interfaces"}


def test_a_hash_does_not_depend_on_the_order_of_keys() -> None:
    assert hashed({"a": 1, "b": [1, 2]}) == hashed({"b": [1, 2], "a": 1})
    assert hashed([1, 2]) != hashed([2, 1])


def test_a_sample_of_this_machine_has_figures_of_every_kind() -> None:
    sampler = Sampler(clock=lambda: 1_769_860_800.25)
    names = {point.name for point in sampler.sample().points}
    assert names >= {
        "system.cpu.utilization", "system.cpu.time", "system.cpu.load_average.1m", "system.memory.usage",
        "system.memory.utilization", "system.filesystem.utilization", "system.network.io", "system.process.count",
        "system.uptime",
    }  # fmt: skip
    for point in sampler.sample().points:
        assert point.unit != "1" or 0 <= point.value <= 1, point


def test_samples_become_one_request_of_one_resource_with_their_own_times() -> None:
    points = [
        Point("system.cpu.utilization", "1", 0.5),
        Point("system.network.io", "By", 2**40, {"network.interface.name": "eth0"}, counter=True),
        Point("system.network.io", "By", 7, {"network.interface.name": "eth1"}, counter=True),
    ]
    encoded = [otlp.encode(Sample(time, 1_769_000_000, points), "1") for time in (1_769_860_800.25, 1_769_860_830.25)]
    request = ExportMetricsServiceRequest.FromString(otlp.request(encoded, {"host.name": "web01"}))
    assert len(request.resource_metrics) == 2
    for told, nanoseconds in zip(request.resource_metrics, (1_769_860_800_250_000_000, 1_769_860_830_250_000_000), strict=True):
        assert {one.key: one.value.string_value for one in told.resource.attributes} == {"host.name": "web01"}
        gauge, counter = told.scope_metrics[0].metrics
        assert (gauge.name, gauge.gauge.data_points[0].as_double) == ("system.cpu.utilization", 0.5)
        assert gauge.gauge.data_points[0].time_unix_nano == nanoseconds
        assert counter.sum.is_monotonic
        assert [point.as_int for point in counter.sum.data_points] == [2**40, 7]
        assert counter.sum.data_points[0].start_time_unix_nano == 1_769_000_000 * 10**9
