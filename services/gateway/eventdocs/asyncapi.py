"""All topics with everything that is told on them, as one AsyncAPI 3.0 document.

Seen from the platform: it sends. Where the brokers are differs between installations, so no server is named.
"""

from functools import cache
from typing import Any

from chassis.events.topics import dead_topic, public_topic, wanted
from chassis.events.wire import AUDIT_TOPIC
from chassis.peers import SERVICES
from services.gateway.eventdocs import headers
from services.gateway.eventdocs.catalog import EVERYWHERE, Event, catalog
from services.gateway.eventdocs.schemas import Messages, Schema, example
from services.gateway.openapi.comments import summary

_BINDING = {"bindingVersion": "0.5.0"}
_AUDIT, _DEAD = "AuditRecord", "DeadLetter"
_SAMPLE_ID = "01hv6k3q8r5w7x9y2z4a6b8c0d"
_KEY = {
    "type": "string",
    "description": "`<tenant>/<id>` of the record; murmur2 decides on the partition.",
    "pattern": "^[^/]+/.+$",
}


@cache
def document() -> Schema:
    """The document. It is the same for all installations of one version."""
    schemas = Messages(lambda name: f"#/components/schemas/{name}")
    for event in catalog():
        schemas.of(event.descriptor)
    messages = {event.type: _message(event) for event in catalog()} | {_AUDIT: _audit(), _DEAD: _dead()}
    channels = _channels()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "ITSM events",
            "version": "v1",
            "description": (
                "Each change of a record is told once on the topic of its service, in order for each record, at least once. "
                "Fields and types may be added; consumers pass over those that they do not know."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": {
            f"tell-{name}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{name}"},
                "summary": f"What is told on {name}.",
                "messages": [{"$ref": f"#/channels/{name}/messages/{message}"} for message in channel["messages"]],
            }
            for name, channel in channels.items()
        },
        "components": {
            "messages": messages,
            "messageTraits": {"event": _trait()},
            "schemas": dict(sorted((schemas.found | {_AUDIT: _audit_schema()}).items())),
        },
    }


def _channels() -> dict[str, Schema]:
    topics = {topic.name: topic for topic in wanted()}
    found: dict[str, Schema] = {}
    for service in SERVICES:
        told = [event.type for event in catalog() if event.owner in (service, EVERYWHERE)]
        found[public_topic(service)] = _channel(topics[public_topic(service)], f"Changes that {service} tells.", told)
    text = "Every change of every service with its whole difference. Restricted: only the auth service reads it."
    found[AUDIT_TOPIC] = _channel(topics[AUDIT_TOPIC], text, [_AUDIT])
    for service in SERVICES:
        text = f"Records that consumers of {service} gave up on. Restricted: only {service} reads it."
        found[dead_topic(service)] = _channel(topics[dead_topic(service)], text, [_DEAD])
    return found


def _channel(topic: Any, text: str, messages: list[str]) -> Schema:
    retention = int(topic.topic_configs["retention.ms"])
    return {
        "address": topic.name,
        "description": text,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.num_partitions,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": retention},
                **_BINDING,
            }
        },
    }


def _message(event: Event) -> Schema:
    subject = f"{event.plural}/{example(event)[event.snapshot.json_name].get('id', _SAMPLE_ID)}"
    own = {"ce_type": {"const": event.type}, "ce_dataschema": {"const": f"/api/v1/schemas/{event.type}"}}
    return {
        "name": event.type,
        "title": event.name,
        "summary": summary(event.text),
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/event"}],
        # A trait gives way to what the message says itself, so the common headers are repeated by reference.
        "headers": {"allOf": [{"$ref": "#/components/messageTraits/event/headers"}, {"type": "object", "properties": own}]},
        "payload": {"$ref": f"#/components/schemas/{event.type}"},
        "examples": [{"name": event.name, "headers": headers.example(event.type, subject), "payload": example(event)}],
    }


def _trait() -> Schema:
    return {"headers": headers.properties(), "bindings": {"kafka": {"key": _KEY, **_BINDING}}}


def _audit() -> Schema:
    sample = {
        "id": "018f0e0a-7b1c-7c3d-8e4f-5a6b7c8d9e0f",
        "type": "itsm.incident.v1.IncidentOpened",
        "tenant": "main",
        "subject": f"incidents/inc_{_SAMPLE_ID}",
        "version": 1,
        "time": "2026-01-31T12:00:00Z",
        "actor": {"id": f"usr_{_SAMPLE_ID}", "kind": "user"},
        "act": "",
        "requestId": "",
        "correlationId": "",
        "causationId": "",
        "diff": [],
        "data": {},
    }
    return {
        "name": _AUDIT,
        "title": "Audit record",
        "summary": "A change with who did it and its whole difference",
        "contentType": "application/json",
        "headers": {"$ref": "#/components/messageTraits/event/headers"},
        "payload": {"$ref": f"#/components/schemas/{_AUDIT}"},
        "examples": [{"name": _AUDIT, "payload": sample}],
    }


def _audit_schema() -> Schema:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "A change, for the audit log. Where it would not fit into a record, values are left out.",
        "properties": {
            **dict.fromkeys(("id", "type", "tenant", "subject", "act", "requestId", "correlationId", "causationId"), text),
            "version": {"type": "integer"},
            "time": {"type": "string", "format": "date-time"},
            "actor": {"type": "object", "properties": {"id": text, "kind": text}, "required": ["id", "kind"]},
            "diff": {
                "type": "array",
                "description": "Stored fields that changed; those of people without values.",
                "items": {"type": "object", "properties": {"field": text}, "required": ["field"]},
            },
            "data": {"type": ["object", "null"], "description": "The event."},
        },
        "required": ["id", "type", "tenant", "subject", "version", "time", "actor", "diff", "data"],
    }


def _dead() -> Schema:
    return {
        "name": _DEAD,
        "title": "Dead letter",
        "summary": "A record that a consumer gave up on, its bytes and headers as they came, and why",
        "headers": headers.dead(),
        "payload": {"description": "The bytes of the record as they came; they may be anything."},
        "examples": [
            {
                "name": _DEAD,
                "headers": {
                    "itsm-dead-id": f"dl_{_SAMPLE_ID}",
                    "itsm-dead-group": "itsm.incident.alerts",
                    "itsm-dead-reason": "undecodable",
                    "itsm-dead-detail": "the value is no JSON",
                    "itsm-dead-attempts": "1",
                    "itsm-dead-topic": "itsm.monitor.v1",
                    "itsm-dead-partition": "7",
                    "itsm-dead-offset": "42",
                    "itsm-dead-time": "2026-01-31T12:00:00+00:00",
                },
                "payload": "{",
            }
        ],
    }
