"""What callers set, as arguments for aggregates."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from itsm.operations import v1 as pb

from chassis.codec import document_to_message, given
from chassis.errors import Invalid
from chassis.operations import Replay
from tests.unit.chassis.everything import Everything


@pytest.mark.parametrize("seconds", [10**12, -(10**12), 2**62])
def test_an_instant_that_no_calendar_has_is_refused_by_its_field(seconds: int) -> None:
    with pytest.raises(Invalid) as caught:
        given(pb.Replay(start_time=Timestamp(seconds=seconds)), Replay)
    assert list(caught.value.violations) == ["start_time"]


def test_an_instant_is_as_exact_as_the_store_keeps_it() -> None:
    told = given(pb.Replay(start_time=Timestamp(seconds=1, nanos=123_456_789)), Replay)
    assert told == {"start_time": datetime(1970, 1, 1, 0, 0, 1, 123_000, tzinfo=UTC)}


@dataclass(kw_only=True)
class _Mapped:
    by_string_to_int32: dict[str, int]
    by_bool_to_color: dict[bool, str]
    by_string_to_timestamp: dict[str, datetime]


def test_maps_go_both_ways_with_values_of_every_kind() -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    stamps = {"t": {"seconds": int(noon.timestamp())}}
    message = Everything(by_string_to_int32={"a.b": 1}, by_bool_to_color={True: 1}, by_string_to_timestamp=stamps)
    told = given(message, _Mapped)
    assert told == {
        "by_string_to_int32": {"a.b": 1},
        "by_bool_to_color": {True: "RED"},
        "by_string_to_timestamp": {"t": noon},
    }
    assert document_to_message(told, Everything) == message
