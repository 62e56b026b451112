"""What a check may look like."""

from datetime import timedelta
from typing import Any

import pytest

from chassis.errors import Invalid
from services.monitor.domain.check_settings import (
    DnsSettings,
    HttpSettings,
    Kind,
    Limits,
    PingSettings,
    ProcessSettings,
    TlsSettings,
    endpoint,
    host_of,
    tls_endpoint,
)
from tests.unit.monitor.checks import NOON, check, local

HTTP = {"kind": Kind.HTTP, "target": "https://shop.example/health"}
DISK = {"kind": Kind.DISK, "target": "/"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"),
        ({"interval": timedelta(seconds=4)}, "interval"),
        ({"interval": timedelta(days=2)}, "interval"),
        ({"timeout": timedelta(seconds=31)}, "timeout"),
        ({"timeout": timedelta(0)}, "timeout"),
        ({"raise_after": 0}, "raise_after"),
        ({"clear_after": 11}, "clear_after"),
        ({"target": "127.0.0.1"}, "target"),
        ({"target": "127.0.0.1:65536"}, "target"),
        ({"target": "a b:80"}, "target"),
        ({"http": HttpSettings()}, "http"),
        ({"slow_after": timedelta(seconds=60)}, "slow_after"),
        ({"kind": Kind.TLS, "target": "h", "slow_after": timedelta(seconds=1)}, "slow_after"),
        ({"agent_id": "agt_1"}, "agent_id"),
        (HTTP | {"target": "ftp://shop.example"}, "target"),
        (HTTP | {"target": "https://me:secret@shop.example"}, "target"),
        (HTTP | {"target": "https://"}, "target"),
        (HTTP | {"target": "https://h:0x50/"}, "target"),
        (HTTP | {"http": HttpSettings(method="POST")}, "http.method"),
        (HTTP | {"http": HttpSettings(method="HEAD", contains="ok")}, "http.contains"),
        (HTTP | {"http": HttpSettings(statuses=[20])}, "http.statuses"),
        ({"kind": Kind.PING, "target": "h", "ping": PingSettings(packets=11)}, "ping.packets"),
        ({"kind": Kind.DNS, "target": "h", "dns": DnsSettings(type="ANY")}, "dns.type"),
        ({"kind": Kind.DNS, "target": "h", "dns": DnsSettings(server="h:port")}, "dns.server"),
        ({"kind": Kind.DNS, "target": "h", "dns": DnsSettings(expected=[""])}, "dns.expected"),
        ({"kind": Kind.TLS, "target": "h", "tls": TlsSettings(degraded_days=3, down_days=7)}, "tls.down_days"),
        ({"kind": Kind.TLS, "target": "h", "tls": TlsSettings(server_name="a b")}, "tls.server_name"),
        ({"kind": Kind.PROCESS, "target": "nginx"}, "agent_id"),
    ],
)
def test_what_is_wrong_with_a_check_is_told_by_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as told:
        check(**given)
    assert field in told.value.violations


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"target": " "}, "target"),
        ({"process": ProcessSettings(minimum=0)}, "process.minimum"),
        ({"process": ProcessSettings(command_line="x" * 1001)}, "process.command_line"),
        (DISK | {"limits": Limits(degraded=95, down=90)}, "limits.degraded"),
        (DISK | {"limits": Limits()}, "limits.down"),
        (DISK | {"limits": Limits(down=float("nan"))}, "limits.down"),
        ({"kind": Kind.CPU}, "target"),
    ],
)
def test_what_is_wrong_with_a_check_of_an_agent_is_told_by_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as told:
        local(**given)
    assert field in told.value.violations


def test_a_kind_brings_its_own_settings() -> None:
    assert check(**HTTP).http == HttpSettings()
    assert local(**DISK).limits == Limits(degraded=80, down=90)
    assert check().http is None


def test_a_short_interval_shortens_the_time_of_a_look() -> None:
    assert check(interval=timedelta(seconds=6)).timeout == timedelta(seconds=3)
    assert check(interval=timedelta(hours=1)).timeout == timedelta(seconds=10)


def test_an_edit_that_changes_nothing_tells_nothing() -> None:
    subject = check()
    subject.edit(NOON, name="Shop", interval=timedelta(seconds=30))
    assert subject.take_recorded() is None
    subject.edit(NOON, name="Shop 2")
    assert subject.take_recorded() is not None


def test_an_edit_is_judged_as_a_whole() -> None:
    subject = check(timeout=timedelta(seconds=20))
    with pytest.raises(Invalid, match="timeout"):
        subject.edit(NOON, interval=timedelta(seconds=10))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("db-1:27017", ("db-1", 27017)),
        ("[::1]:80", ("::1", 80)),
        ("10.0.0.1:1", ("10.0.0.1", 1)),
        ("db-1", None),
        ("db-1:", None),
        (":80", None),
        ("[::1", None),
        ("db-1:0", None),
        ("db-1:٣", None),
    ],
)
def test_a_place_is_a_host_and_a_port(text: str, found: tuple[str, int] | None) -> None:
    assert endpoint(text) == found


def test_a_place_without_a_port_has_the_usual_one() -> None:
    assert tls_endpoint("shop.example") == ("shop.example", 443)
    assert tls_endpoint("[::1]") == ("::1", 443)
    assert tls_endpoint("shop.example:") is None


@pytest.mark.parametrize(
    ("kind", "target", "host"),
    [
        (Kind.HTTP, "https://shop.example:8443/health", "shop.example"),
        (Kind.TCP, "db-1:27017", "db-1"),
        (Kind.TLS, "shop.example", "shop.example"),
        (Kind.PING, "router.example.", "router.example"),
        (Kind.DNS, "shop.example", ""),
        (Kind.TCP, "127.0.0.1:80", ""),
        (Kind.HTTP, "http://localhost/", ""),
        (Kind.PROCESS, "nginx", ""),
    ],
)
def test_a_target_names_the_host_by_which_its_asset_is_found(kind: Kind, target: str, host: str) -> None:
    assert host_of(kind, target) == host
