"""What identifies a machine, what only looks like it, and in which form it is compared."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.asset.domain.identity import Identifier, IdentifierKind, clean

_KINDS = IdentifierKind


def value(kind: IdentifierKind, text: str) -> str:
    found = clean(kind, text)
    return found.value if found else ""


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "0", "00000000", "0000-0000", "FFFFFFFF", "ffffffffffffffff", "To be filled by O.E.M.",
        "to be  filled by o.e.m.", "Default string", "System Serial Number", "None", "N/A", "Not Specified", "123456789",
        "XXXXXXXX", "........", "-", "ab", "INVALID", "Chassis Serial Number", "x" * 301,
    ],
)  # fmt: skip
def test_what_makers_leave_behind_is_no_serial(text: str) -> None:
    assert clean(_KINDS.SERIAL, text) is None


@pytest.mark.parametrize(
    "text",
    [
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "03000200-0400-0500-0006-000700080009",
        "00020003-0004-0005-0006-000700080009",
        "11111111-1111-1111-1111-111111111111",
        "fefefefe-fefe-fefe-fefe-fefefefefefe",
        "4C4C4544-0000-2010-8020-80C04F202020",
        "Not Settable",
        "1234",
    ],
)
def test_what_many_firmwares_say_is_no_uuid(text: str) -> None:
    assert clean(_KINDS.UUID, text) is None


@pytest.mark.parametrize(
    "text",
    [
        "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "02:42:ac:11:00:02", "0a:00:27:00:00:00", "01:00:5e:00:00:01",
        "00:50:56:c0:00:08", "00:05:9a:3c:7a:00", "00:50:b6:12:34:56", "00:00:5e:00:01:05", "aa:bb", "not a mac",
        "33:50:6f:45:30:30",
    ],
)  # fmt: skip
def test_an_adapter_that_belongs_to_no_machine_identifies_none(text: str) -> None:
    assert clean(_KINDS.MAC, text) is None


@pytest.mark.parametrize("text", ["D8-9E-F3-1B-22-10", "d89e.f31b.2210", " d8:9e:f3:1b:22:10 ", "D89EF31B2210"])
def test_an_address_is_compared_in_one_form(text: str) -> None:
    assert value(_KINDS.MAC, text) == "d8:9e:f3:1b:22:10"


@pytest.mark.parametrize("text", ["52:54:00:12:34:56", "fa:16:3e:00:11:22"])
def test_addresses_of_guests_are_theirs_for_good(text: str) -> None:
    assert value(_KINDS.MAC, text) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (_KINDS.FQDN, "localhost.localdomain"),
        (_KINDS.FQDN, "web01"),
        (_KINDS.HOSTNAME, "localhost"),
        (_KINDS.HOSTNAME, "a b"),
        (_KINDS.IP, "127.0.0.1"),
        (_KINDS.IP, "::1"),
        (_KINDS.IP, "fe80::1%eth0"),
        (_KINDS.IP, "224.0.0.1"),
        (_KINDS.IP, "10.0.0"),
        (_KINDS.ASSET_TAG, "No Asset Tag"),
    ],
)
def test_names_and_addresses_that_everybody_has_are_none(kind: IdentifierKind, text: str) -> None:
    assert clean(kind, text) is None


@pytest.mark.parametrize(
    ("kind", "text", "compared"),
    [
        (_KINDS.SERIAL, "  7xk2q1 ", "7XK2Q1"),
        (_KINDS.SERIAL, "vmware-56  4d", "VMWARE-56 4D"),
        (_KINDS.FQDN, "Web01.Example.ORG.", "web01.example.org"),
        (_KINDS.HOSTNAME, "WEB01", "web01"),
        (_KINDS.IP, "2001:DB8::0001", "2001:db8::1"),
        (_KINDS.ASSET_TAG, "a-0042", "A-0042"),
    ],
)
def test_values_are_compared_normalized(kind: IdentifierKind, text: str, compared: str) -> None:
    assert value(kind, text) == compared


@given(st.uuids(version=4))
def test_both_byte_orders_of_firmware_readers_are_one_uuid(uuid: UUID) -> None:
    swapped = str(UUID(bytes=uuid.bytes_le)).upper()
    assert clean(_KINDS.UUID, str(uuid)) == clean(_KINDS.UUID, swapped)


@given(st.sampled_from(_KINDS), st.text(max_size=60))
def test_cleaning_ends_after_one_step(kind: IdentifierKind, text: str) -> None:
    found = clean(kind, text)
    assert found is None or clean(kind, found.value) == Identifier(kind=kind, value=found.value)
