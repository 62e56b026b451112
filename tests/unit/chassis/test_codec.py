"""What callers set, as arguments for aggregates."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from bson.int64 import Int64
from google.protobuf.timestamp_pb2 import Timestamp
from itsm.monitor import v1 as monitor_pb
from itsm.operations import v1 as pb

from chassis.codec import changes, document_to_message, from_document, given, to_document
from chassis.domain import Aggregate
from chassis.errors import Invalid
from chassis.operations import Replay
from services.monitor.domain.check import Check


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
    labels: dict[str, str]
    severities: dict[str, str]


def test_maps_go_both_ways_with_values_of_every_kind() -> None:
    alert = monitor_pb.Alert(labels={"a.b": "1", "": "2"})
    integration = monitor_pb.Integration(severities={"page": monitor_pb.Alert.CRITICAL})
    told = given(integration, _Mapped)
    assert told == {"severities": {"page": "CRITICAL"}}
    assert document_to_message({**told, "version": 0}, monitor_pb.Integration).severities == integration.severities
    assert document_to_message({"labels": {"a.b": "1", "": "2"}, "version": 0}, monitor_pb.Alert).labels == alert.labels


@dataclass(slots=True, kw_only=True)
class Thing(Aggregate):
    values: dict[str, Any]


def test_whole_numbers_of_the_database_are_taken_for_numbers_where_a_field_holds_any_value() -> None:
    thing = from_document({"_id": "thg_1", "version": 1, "values": {"bytes": Int64(2**40)}}, Thing)
    document = to_document(thing)
    assert document["values"] == {"bytes": 2**40}
    assert type(document["values"]["bytes"]) is int


def test_what_is_chosen_once_comes_along_only_for_who_refuses_another_value() -> None:
    check = monitor_pb.Check(name="door", kind="TCP", create_time=Timestamp(seconds=1))
    assert changes(check, ["name", "kind"], Check, fixed=True) == {"name": "door", "kind": "TCP"}
    for path, fixed in (("kind", False), ("create_time", True), ("nothing", True)):
        with pytest.raises(Invalid) as refused:
            changes(check, ["name", path], Check, fixed=fixed)
        assert list(refused.value.violations) == [f"update_mask.{path}"]
