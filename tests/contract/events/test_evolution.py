"""Consumers that were written for a release go on working: nothing that it promised is taken back."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from deploy.version import version
from services.gateway.eventdocs import document
from tests.contract.chart.immutable import last_of_two_minors, released
from tests.contract.events.evolution import FOLDER, broken, disagreeing, kept, resolved, slim

KEPT = sorted(file.stem for file in FOLDER.glob("*.json"))
AGAIN = "`.venv/bin/python -m tests.contract.events.evolution` writes it"
INCIDENT, OPENED, TOPIC = "itsm.incident.v1.Incident", "itsm.incident.v1.IncidentOpened", "itsm.incident.v1"

Document = dict[str, Any]


@pytest.mark.parametrize("release", KEPT)
def test_nothing_that_a_release_promised_is_taken_back(release: str) -> None:
    assert broken(kept(release), document()) == []


@pytest.mark.parametrize("release", KEPT)
def test_events_of_a_release_and_of_now_are_valid_by_each_others_schemas(release: str) -> None:
    assert disagreeing(kept(release), document()) == []
    assert disagreeing(document(), kept(release)) == []


def test_what_the_last_two_minor_releases_promised_is_kept() -> None:
    assert version() in KEPT, AGAIN
    assert not set(last_of_two_minors(released())) - set(KEPT), "a release forgot what it promised: its tag can tell"


def record(found: Document) -> Document:
    schema: Document = found["components"]["schemas"][INCIDENT]
    return schema


def _field_removed(found: Document) -> None:
    del record(found)["properties"]["category"]


def _field_renamed(found: Document) -> None:
    record(found)["properties"]["group"] = record(found)["properties"].pop("teamId")


def _text_becomes_a_number(found: Document) -> None:
    record(found)["properties"]["category"]["type"] = "integer"


def _one_becomes_many(found: Document) -> None:
    record(found)["properties"]["category"] = {"type": "array", "items": {"type": "string"}}


def _items_of_another_type(found: Document) -> None:
    record(found)["properties"]["assetIds"]["items"] = {"type": "integer"}


def _another_message_in_its_place(found: Document) -> None:
    record(found)["properties"]["clocks"]["items"] = {"$ref": "#/components/schemas/itsm.type.v1.FieldChange"}


def _enum_narrowed(found: Document) -> None:
    record(found)["properties"]["priority"]["enum"].remove("P5")


def _text_becomes_an_enum(found: Document) -> None:
    record(found)["properties"]["category"]["enum"] = ["A", "B"]


def _field_newly_required(found: Document) -> None:
    record(found)["required"].append("category")


def _new_field_required(found: Document) -> None:
    record(found)["properties"]["fresh"] = {"type": "string"}
    record(found)["required"].append("fresh")


def _promise_withdrawn(found: Document) -> None:
    record(found)["required"].remove("id")


def _another_form(found: Document) -> None:
    record(found)["properties"]["createTime"]["format"] = "date"


def _header_removed(found: Document) -> None:
    del found["components"]["messageTraits"]["event"]["headers"]["properties"]["ce_itsmversion"]


def _header_required(found: Document) -> None:
    found["components"]["messageTraits"]["event"]["headers"]["required"].append("traceparent")


def _event_removed(found: Document) -> None:
    del found["channels"][f"itsm.{TOPIC.split('.')[1]}.v1"]["messages"][OPENED]


def _topic_removed(found: Document) -> None:
    del found["channels"]["itsm.incident.v1"]


def _partitions_added(found: Document) -> None:
    found["channels"]["itsm.incident.v1"]["bindings"]["kafka"]["partitions"] = 48


@pytest.mark.parametrize(
    "change",
    [
        _field_removed, _field_renamed, _text_becomes_a_number, _one_becomes_many, _items_of_another_type,
        _another_message_in_its_place, _enum_narrowed, _text_becomes_an_enum, _field_newly_required, _new_field_required,
        _promise_withdrawn, _another_form, _header_removed, _header_required, _event_removed, _topic_removed, _partitions_added,
    ],
)  # fmt: skip
def test_a_change_that_breaks_consumers_is_seen(change: Callable[[Document], None]) -> None:
    before = copy.deepcopy(document())
    after = copy.deepcopy(before)
    change(after)
    assert broken(before, before) == []
    assert broken(before, after), "nobody would have noticed"


def test_what_consumers_pass_over_may_be_added() -> None:
    before = copy.deepcopy(document())
    after = copy.deepcopy(before)
    record(after)["properties"]["fresh"] = {"type": "string"}
    record(after)["properties"]["priority"]["enum"].append("P6")
    record(after)["properties"]["category"]["description"] = "Said in other words."
    after["components"]["messages"]["itsm.incident.v1.IncidentFrozen"] = after["components"]["messages"][OPENED]
    after["channels"]["itsm.incident.v1"]["messages"]["itsm.incident.v1.IncidentFrozen"] = {"$ref": "elsewhere"}
    after["channels"]["itsm.new.v1"] = after["channels"]["itsm.incident.v1"]
    assert broken(before, after) == []


def test_an_example_that_a_schema_does_not_take_is_seen() -> None:
    before = copy.deepcopy(document())
    before["components"]["messages"][OPENED]["examples"][0]["payload"]["incident"]["priority"] = "P0"
    assert len(disagreeing(before, document())) == 1


def test_what_is_kept_of_a_release_says_the_same_without_its_prose() -> None:
    before = document()
    assert broken(before, slim(before)) == broken(slim(before), before) == []
    assert resolved(record(slim(before)), slim(before))["properties"]["title"] == {"type": "string"}
    assert disagreeing(slim(before), before) == []
