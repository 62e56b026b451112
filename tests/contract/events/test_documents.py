"""What other systems are told of our events is valid by itself, by others' rules, and by what the platform really makes."""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass
from jsonschema import Draft7Validator, Draft202012Validator

from chassis import protojson
from chassis.codec import personal_fields
from chassis.domain import uuid7
from chassis.events.topics import wanted
from chassis.events.wire import Source, headers_of
from docs.generate import ROOT
from services.gateway import eventdocs
from services.gateway.eventdocs import catalog, document
from services.gateway.eventdocs.headers import HEADERS_NAME

FORMATS = Draft202012Validator.FORMAT_CHECKER
schemas, documents = cache(eventdocs.schemas), cache(eventdocs.documents)
RULES = ROOT / "web" / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"


def faults(schema: Any, value: Any) -> list[str]:
    """What a schema has against a value."""
    checker = Draft202012Validator(schema, format_checker=FORMATS)
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(value)]


def test_every_schema_is_one_and_takes_its_own_example() -> None:
    assert len(schemas()) > 70
    for name, schema in schemas().items():
        Draft202012Validator.check_schema(schema)
        examples: Any = schema["examples"]
        assert examples
        assert not [fault for example in examples for fault in faults(schema, example)], name


def test_an_example_is_what_our_own_reader_takes() -> None:
    for event in catalog():
        example: Any = schemas()[event.type]["examples"]
        message = protojson.decode(example[0], GetMessageClass(event.descriptor))
        assert faults(schemas()[event.type], json.loads(protojson.encode(message))) == [], event.type


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"incident": None}, "object"),
        ({"incident": {"title": "no id"}}, "'id' is a required property"),
        ({"incident": {"id": "inc_1", "title": "Fire", "priority": "P0"}}, "is not one of"),
        ({"incident": {"id": "inc_1", "title": 7}}, "is not of type 'string'"),
        ({}, "'incident' is a required property"),
    ],
)
def test_what_no_event_can_be_is_refused_by_its_schema(change: dict[str, Any], told: str) -> None:
    found = faults(schemas()["itsm.incident.v1.IncidentOpened"], change)
    assert any(told in fault for fault in found), found


def test_the_folder_of_schemas_holds_those_that_there_are_and_no_other() -> None:
    assert {path.stem for path in (ROOT / "docs" / "reference" / "events").iterdir()} == set(schemas())


def test_a_schema_is_served_where_the_header_of_its_events_says() -> None:
    for event in catalog():
        row = {
            "_id": uuid7(), "tenant": "main", "key": "inc_1", "subject": f"{event.plural}/inc_1", "version": 3,
            "type": event.type, "time": datetime(2026, 1, 31, 12, tzinfo=UTC), "actor": {"id": "usr_1", "kind": "user"},
        }  # fmt: skip
        headers = {name: value.decode() for name, value in headers_of(row, Source("local", "incident", 1))}
        served = json.loads(documents()[headers["ce_dataschema"]])
        assert served["$id"] == headers["ce_dataschema"]
        assert served["title"] == event.name
        assert faults(schemas()[HEADERS_NAME], headers) == []


def test_the_document_is_asyncapi_by_the_rules_of_its_makers() -> None:
    rules = Draft7Validator(json.loads(Path(RULES).read_text(encoding="utf-8")))
    whole = json.loads(documents()[eventdocs.ASYNCAPI_PATH])
    assert [error.message for error in rules.iter_errors(whole)] == []
    for plant in ({"asyncapi": "3.0.0"}, {**whole, "channels": {"itsm.incident.v1": {"adress": "x"}}}):
        assert list(rules.iter_errors(plant)), "these rules find nothing"


def test_every_reference_in_the_document_leads_somewhere() -> None:
    whole = document()
    references = list(_references(whole))
    assert len(references) > 300
    for reference in references:
        target: Any = whole
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        assert target


def _references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for each in value for found in _references(each)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [found for name, each in value.items() if name != "examples" for found in _references(each)]


def test_its_channels_are_the_topics_that_the_platform_makes() -> None:
    told = {channel["address"]: channel["bindings"]["kafka"] for channel in document()["channels"].values()}
    made = {topic.name: topic for topic in wanted()}
    assert told.keys() == made.keys()
    assert {name: each["partitions"] for name, each in told.items()} == {name: made[name].num_partitions for name in made}


def test_every_event_is_told_on_the_topic_of_its_service_and_nowhere_else() -> None:
    where: dict[str, set[str]] = {event.type: set() for event in catalog()}
    for name, channel in document()["channels"].items():
        for message in channel["messages"]:
            where.get(message, set()).add(name)
    for event in catalog():
        if event.owner == "operations":
            assert len(where[event.type]) == 6
        else:
            assert where[event.type] == {f"itsm.{event.owner}.v1"}


def test_personal_fields_are_said_to_stay_empty_and_are_empty_in_examples() -> None:
    found = [
        (schemas()[event.type], event.snapshot.json_name, event.snapshot.message_type.fields_by_name[name].json_name)
        for event in catalog()
        for name in personal_fields(event.snapshot.message_type)
    ]
    assert found
    for schema, record, name in found:
        whole: Any = schema
        assert not whole["examples"][0][record].get(name), whole["$id"]
        described = [part for part in whole["$defs"].values() if name in part.get("properties", {})]
        assert any("events never tell it" in part["properties"][name].get("description", "") for part in described)
