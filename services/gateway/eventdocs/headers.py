"""The headers of an event as JSON Schema: CloudEvents 1.0 in binary mode over Kafka, and our own extensions.

Headers are bytes on the wire; the schema is about them as UTF-8 text, by name.
"""

from services.gateway.eventdocs.schemas import DIALECT, Schema

HEADERS_NAME = "headers"

_ID = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
_INSTANT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$"
_ALWAYS: dict[str, tuple[Schema, str]] = {
    "content-type": ({"const": "application/json"}, "Always JSON."),
    "ce_specversion": ({"const": "1.0"}, "The version of CloudEvents."),
    "ce_id": ({"pattern": _ID}, "Id of the change, a UUIDv7; the same when it is published again."),
    "ce_time": ({"format": "date-time", "pattern": _INSTANT}, "When it happened, in UTC."),
    "ce_type": ({"pattern": r"^itsm\.[a-z]+\.v\d+\.[A-Z][A-Za-z0-9]+$"}, "Full name of the event."),
    "ce_source": ({"pattern": "^/itsm/[^/]+/[a-z]+$"}, "`/itsm/<installation>/<service>`."),
    "ce_subject": ({"pattern": "^[A-Za-z]+/.+$"}, "The record that changed: `<resources>/<id>`."),
    "ce_dataschema": (
        {"format": "uri-reference", "pattern": r"^/api/v1/schemas/itsm\.[A-Za-z0-9.]+$"},
        "Where the gateway serves the JSON Schema of the value.",
    ),
    "ce_partitionkey": ({"pattern": "^[^/]+/.+$"}, "The key of the record on the topic: `<tenant>/<id>`."),
    "ce_itsmtenant": ({"minLength": 1}, "The tenant."),
    "ce_itsmversion": ({"pattern": "^[0-9]{20}$"}, "Version of the record after the change, padded with zeros; without gaps."),
    "ce_itsmepoch": ({"pattern": "^[0-9]+$"}, "Raised when the installation is restored from a copy: a higher one wins."),
    "ce_authtype": ({"minLength": 1}, "Kind of who did it."),
    "ce_authid": ({}, "Opaque id of who did it; never a name or an address."),
}
_SOMETIMES: dict[str, tuple[Schema, str]] = {
    "ce_correlationid": ({}, "The request that it began with, where known."),
    "ce_causationid": ({}, "The event that it follows from, where there is one."),
    "traceparent": ({"pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"}, "W3C trace context."),
}
_DEAD: dict[str, str] = {
    "itsm-dead-id": "Id of the dead letter, as in REST.",
    "itsm-dead-group": "The consumer group that gave the record up.",
    "itsm-dead-reason": "Why, one word: `undecodable`, `envelope`, `tenant`, `source` or `handler`.",
    "itsm-dead-detail": "The last error.",
    "itsm-dead-attempts": "How often it was tried.",
    "itsm-dead-topic": "Where it was: topic.",
    "itsm-dead-partition": "Where it was: partition.",
    "itsm-dead-offset": "Where it was: offset.",
    "itsm-dead-time": "When it was given up.",
}


def properties() -> Schema:
    """The headers of every event, as a schema without a name of its own."""
    return {
        "type": "object",
        "properties": {name: _text(*said) for name, said in (_ALWAYS | _SOMETIMES).items()},
        "required": list(_ALWAYS),
    }


def dead() -> Schema:
    """What a dead letter has beside the headers that the record came with."""
    found = {name: _text({}, text) for name, text in _DEAD.items()}
    return {"type": "object", "properties": found, "required": list(_DEAD)}


def schema() -> Schema:
    """The headers of every event, as a document of its own."""
    return {
        "$schema": DIALECT,
        "$id": f"/api/v1/schemas/{HEADERS_NAME}",
        "title": "Headers of an event",
        "description": "CloudEvents 1.0, binary mode over Kafka. Headers that are not named here may come too.",
        **properties(),
        "examples": [example("itsm.incident.v1.IncidentOpened", "incidents/inc_01hv6k3q8r5w7x9y2z4a6b8c0d")],
    }


def example(type_: str, subject: str) -> dict[str, str]:
    """Headers of an event of this type about this record."""
    owner, identity = type_.split(".")[1], subject.partition("/")[2]
    return {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": "018f0e0a-7b1c-7c3d-8e4f-5a6b7c8d9e0f",
        "ce_time": "2026-01-31T12:00:00.000Z",
        "ce_type": type_,
        "ce_source": f"/itsm/local/{'incident' if owner == 'operations' else owner}",
        "ce_subject": subject,
        "ce_dataschema": f"/api/v1/schemas/{type_}",
        "ce_partitionkey": f"main/{identity}",
        "ce_itsmtenant": "main",
        "ce_itsmversion": "00000000000000000003",
        "ce_itsmepoch": "1",
        "ce_authtype": "user",
        "ce_authid": "usr_01hv6k3q8r5w7x9y2z4a6b8c0d",
        "ce_correlationid": "018f0e0a-7b1c-7c3d-8e4f-5a6b7c8d9e10",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }


def _text(rules: Schema, description: str) -> Schema:
    return {"type": "string", **rules, "description": description}
