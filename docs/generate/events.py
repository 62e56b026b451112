"""`docs/reference/events.md`: every event, who tells it, and who listens."""

import importlib
import inspect
import typing
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import orjson

from chassis.events.subscriptions import Subscriptions
from chassis.peers import SERVICES
from docs.generate.markdown import table, text
from services.gateway import eventdocs
from services.gateway.eventdocs import catalog

_INTRODUCTION = """
# Events

Each change of a record is told by exactly one event. A service tells its events on the topic `itsm.<service>.v1`
(24 partitions, key `tenant/id`, in order for each record, at least once); the full difference of every change goes to
`itsm.audit.v1`, which only the auth service reads. What a service gives up on goes to
`itsm.<service>.v1.dead`. The gateway reads all public topics for the live stream (`rest.md`), beside the consumers named here.

An event holds what happened, `changes` (the public fields with their old and new values; a change that has none lacks it)
and the record as it is now. Field numbers 14 and 15 are these two in every event.

## On the wire

CloudEvents 1.0 in binary mode: the value is the event as proto3 JSON, the rest are headers. The schemas of all events are in
[events/](events), their topics and messages in [asyncapi.json](asyncapi.json) (AsyncAPI 3); the gateway serves both, the latter
at `/api/v1/asyncapi.json`. How to read the topics from outside: [../how-to/consume-events.md](../how-to/consume-events.md).
"""

_EVOLUTION = """
## How events grow

Fields and types may be added. Nothing is removed, renamed, retyped or newly required: a breaking change is a new type on a
new topic. Consumers pass over fields and types that they do not know, and set an event aside as a dead letter when it holds
an enum value that they would have to guess at.
"""

HEADERS = {
    "content-type": "`application/json`",
    "ce_specversion": "`1.0`",
    "ce_id": "id of the change row, a UUIDv7; the same when it is published again",
    "ce_time": "when it happened",
    "ce_type": "full name of the event: `itsm.incident.v1.IncidentResolved`",
    "ce_source": "`/itsm/<installation>/<service>`",
    "ce_subject": "the record: `incidents/inc_…`",
    "ce_dataschema": "`/api/v1/schemas/<type>`: the event's JSON Schema; the gateway serves it there",
    "ce_partitionkey": "the key of the record on the topic: `tenant/id`",
    "ce_itsmtenant": "the tenant",
    "ce_itsmversion": "the record's version after the change, padded with zeros to 20 digits; without gaps for each record",
    "ce_itsmepoch": "raised when the installation is restored from a copy, so that versions told before do not shadow new ones",
    "ce_authtype": "kind of who did it",
    "ce_authid": "opaque id of who did it",
    "ce_correlationid": "the request that it began with, where known",
    "ce_causationid": "the event that it follows from, where there is one",
    "traceparent": "W3C trace context, where there is one",
}


def page() -> str:
    """The whole page."""
    texts = {event.type: event.text for event in catalog()}
    listeners = _listeners()
    blocks: list[typing.Any] = [
        _INTRODUCTION,
        table(("header", "value"), ((f"`{name}`", said) for name, said in HEADERS.items())),
    ]
    for owner, events in _events().items():
        whose = "every service, each on its own topic" if owner == "operations" else f"topic `itsm.{owner}.v1`"
        rows = [
            (f"`{name.rpartition('.')[2]}`", texts.get(name, ""), f"`{plural}`", ", ".join(sorted(listeners[name])) or "none")
            for name, plural in events
        ]
        blocks += [f"## {owner.capitalize()}: {whose}", table(("event", "tells", "record", "consumers"), rows)]
    audit = ", ".join(sorted(listeners["*"]))
    blocks += [f"## The audit topic\n\nEvery change of every service goes to `itsm.audit.v1`. Consumer: {audit}.", _EVOLUTION]
    return text(*blocks)


def documents() -> Mapping[str, Callable[[], str]]:
    """Path → what other systems are told: a JSON Schema for each event, and all of them as AsyncAPI."""
    schemas = {f"docs/reference/events/{name}.json": partial(_json, schema) for name, schema in eventdocs.schemas().items()}
    return {"docs/reference/asyncapi.json": partial(_json, eventdocs.document())} | schemas


def _json(document: typing.Any) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _events() -> dict[str, list[tuple[str, str]]]:
    """Owner → its events with the resource that each is about, in the order of the protos."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for event in catalog():
        found[event.owner].append((event.type, event.plural))
    return found


def _listeners() -> dict[str, set[str]]:
    """Full name of an event → the services that handle it; `*` is the audit topic."""
    found: dict[str, set[str]] = defaultdict(set)
    for service in SERVICES:
        for group in _subscriptions(service):
            for name in group.handlers:
                found[name].add(service)
            if group.topics - {name.rpartition(".")[0] for name in group.handlers}:
                found["*"].add(service)
    return found


def _subscriptions(service: str) -> Iterator[Subscriptions]:
    """What `reactions.py` of a service registers: every function there that gives subscriptions, without its parts."""
    try:
        reactions = importlib.import_module(f"services.{service}.reactions")
    except ModuleNotFoundError:
        return
    for _, function in inspect.getmembers(reactions, inspect.isfunction):
        if function.__module__ == reactions.__name__ and typing.get_type_hints(function).get("return") is Subscriptions:
            yield function(*[None] * len(inspect.signature(function).parameters))
