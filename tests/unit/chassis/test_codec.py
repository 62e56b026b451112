"""What callers set, as arguments for aggregates."""

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from itsm.operations import v1 as pb

from chassis.codec import given
from chassis.errors import Invalid
from chassis.operations import Replay


@pytest.mark.parametrize("seconds", [10**12, -(10**12), 2**62])
def test_an_instant_that_no_calendar_has_is_refused_by_its_field(seconds: int) -> None:
    with pytest.raises(Invalid) as caught:
        given(pb.Replay(start_time=Timestamp(seconds=seconds)), Replay)
    assert list(caught.value.violations) == ["start_time"]


def test_an_instant_is_as_exact_as_the_store_keeps_it() -> None:
    told = given(pb.Replay(start_time=Timestamp(seconds=1, nanos=123_456_789)), Replay)
    assert told == {"start_time": datetime(1970, 1, 1, 0, 0, 1, 123_000, tzinfo=UTC)}
