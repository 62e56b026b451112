"""What other systems are told of our events: a JSON Schema for each, the headers, and all of it as AsyncAPI 3.

Everything follows from the descriptors and from the topics that the platform makes; nothing here can fail at run time.
"""

from collections.abc import Mapping

import orjson

from services.gateway.eventdocs.asyncapi import document
from services.gateway.eventdocs.catalog import Event, catalog
from services.gateway.eventdocs.headers import HEADERS_NAME
from services.gateway.eventdocs.headers import schema as headers_schema
from services.gateway.eventdocs.schemas import standalone

__all__ = ["ASYNCAPI_PATH", "SCHEMAS_PATH", "Event", "catalog", "document", "documents", "schemas"]

SCHEMAS_PATH = "/api/v1/schemas/"
ASYNCAPI_PATH = "/api/v1/asyncapi.json"


def schemas() -> Mapping[str, dict[str, object]]:
    """Name of an event type → its schema, whole; under `headers` that of the headers."""
    return {HEADERS_NAME: headers_schema()} | {event.type: standalone(event) for event in catalog()}


def documents() -> Mapping[str, bytes]:
    """Path → JSON text, as the gateway serves them. `ce_dataschema` of an event is one of these paths."""
    found = {f"{SCHEMAS_PATH}{name}": orjson.dumps(schema) for name, schema in schemas().items()}
    return found | {ASYNCAPI_PATH: orjson.dumps(document())}
