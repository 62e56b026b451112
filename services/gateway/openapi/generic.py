"""How the OpenAPI document tells of the operations that every resource has (services/gateway/rest/generic.py)."""

from typing import Any

from chassis.listing.facets import COUNTED, LOOKED_AT, MAX_FIELDS, MAX_VALUES
from services.gateway.openapi.answers import BODY, RATED, headers, refusals
from services.gateway.rest.batch import MAX_OPERATIONS
from services.gateway.rest.manners import MAX_IDS
from services.gateway.rest.route import BATCH, BATCH_GET, SELECT, Route

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_ITEM: Schema = {
    "type": "object",
    "description": "A request of its own, below the collection.",
    "properties": {
        "method": {"type": "string", "enum": ["POST", "PUT", "PATCH", "DELETE"], "description": "Of the request."},
        "path": {**_TEXT, "description": "What follows the collection, such as `inc_1:resolve`; empty to create."},
        "ifMatch": {**_TEXT, "description": "The version that it is about."},
        "body": {"type": "object", "description": "The body of the request."},
    },
    "required": ["method"],
    "additionalProperties": False,
}
_RESULT: Schema = {
    "type": "object",
    "description": "The answer to one operation.",
    "properties": {
        "status": {"type": "integer", "description": "Its HTTP status."},
        "body": {"type": "object", "description": "What it answers with, where it was done."},
        "problem": {"$ref": "#/components/schemas/Problem", "description": "Why it was not done."},
        "location": {**_TEXT, "description": "Where the new record is."},
        "replayed": {"type": "boolean", "description": "Whether it was done before, by the same key."},
    },
    "required": ["status"],
}
_FACET: Schema = {
    "type": "object",
    "description": "The values of one field, the most frequent first.",
    "properties": {
        "values": {
            "type": "array",
            "description": "Values and how many records have them; null counts those without one.",
            "items": {
                "type": "object",
                "properties": {
                    "value": {"type": ["string", "boolean", "null"], "description": "The value."},
                    "count": {"type": "integer", "description": "How many records have it."},
                },
                "required": ["value", "count"],
            },
        },
        "more": {"type": "boolean", "description": "Whether there are rarer ones that are not told."},
    },
    "required": ["values", "more"],
}
COMPONENTS: dict[str, Schema] = {"BatchOperation": _ITEM, "BatchResult": _RESULT, "Facet": _FACET}
_OF_ALL: list[Schema] = [{"$ref": f"#/components/parameters/{name}"} for name in ("RequestId", "Tenant")]
_ID = "inc_01hv6k3q8r5w7x9y2z4a6b8c0d"


def described(route: Route, name: str, record: Schema, sample: Any) -> Schema:
    """The operation, without its security. `name` is the resource's, `record` the schema of one, `sample` an example."""
    if route.generic == BATCH:
        return _batch(name, str(sample.get("id", _ID)))
    if route.generic == SELECT:
        return _select(name)
    return _batch_get(name, record, sample) if route.generic == BATCH_GET else _facets(name, sample)


def _batch(name: str, id_: str) -> Schema:
    listed = {"type": "array", "minItems": 1, "maxItems": MAX_OPERATIONS, "description": "What is to be done."}
    operations = {**listed, "items": {"$ref": "#/components/schemas/BatchOperation"}}
    atomic = {"type": "boolean", "enum": [False], "description": "Each operation is done or refused for itself."}
    schema: Schema = {
        "type": "object",
        "properties": {"operations": operations, "atomic": atomic},
        "required": ["operations"],
        "additionalProperties": False,
    }
    key = {"$ref": "#/components/parameters/IdempotencyKeyRequired"}
    results = {"type": "array", "description": "In the order asked.", "items": {"$ref": "#/components/schemas/BatchResult"}}
    answer = {"type": "object", "properties": {"results": results}, "required": ["results"]}
    asked = {"operations": [{"method": "PATCH", "path": id_, "ifMatch": "3", "body": {}}]}
    return {
        "operationId": f"{name}_batch",
        "summary": f"Many writes of {name} at once",
        "description": f"Up to {MAX_OPERATIONS} writes of {name}, each with an answer of its own. The order of writes on one "
        "record is kept. A batch that was cut off may be sent again with its key.",
        "parameters": [*_OF_ALL, key, {"$ref": "#/components/parameters/DryRun"}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": asked}}},
        "responses": _answered("207", answer, {"results": [{"status": 200, "body": {"id": id_, "etag": "4"}}]}, *BODY, 409),
    }


def _batch_get(name: str, record: Schema, sample: Any) -> Schema:
    asked = {"in": "query", "name": "ids", "required": True, "description": f"Up to {MAX_IDS} ids, with commas between them."}
    missing = {"type": "array", "description": "Ids that there is no record of.", "items": _TEXT}
    schema = {
        "type": "object",
        "properties": {name: {"type": "array", "description": "In the order asked.", "items": record}, "missing": missing},
        "required": [name, "missing"],
    }
    return {
        "operationId": f"{name}_batch_get",
        "summary": f"Many {name} by id",
        "description": f"Many {name} by id, in the order in which they were asked for; those that are not there are named.",
        "parameters": [
            {**asked, "schema": {"type": "string", "minLength": 1}, "example": sample.get("id", _ID)},
            *_OF_ALL,
            {"$ref": "#/components/parameters/Fields"},
        ],
        "responses": _answered("200", schema, {name: [sample], "missing": []}),
    }


def _facets(name: str, sample: Any) -> Schema:
    fields = f"Up to {MAX_FIELDS} names of fields that hold ids, words of an enum or yes and no, with commas between them."
    filter_ = {"in": "query", "name": "filter", "description": "Which records are counted.", "schema": _TEXT}
    named = "state" if "state" in sample else "id"
    filter_["example"] = f'{named} = "{sample[named]}"' if sample.get(named) else "id:*"
    counted = {"facets": {named: {"values": [{"value": sample.get(named), "count": 17}], "more": False}}, "capped": False}
    facets = {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Facet"}, "description": "By field."}
    capped = {"type": "boolean", "description": f"Whether more than the {LOOKED_AT} records that were counted match."}
    schema = {"type": "object", "properties": {"facets": facets, "capped": capped}, "required": ["facets", "capped"]}
    return {
        "operationId": f"{name}_facets",
        "summary": f"How often values occur among {name}",
        "description": f"How often a value of some fields occurs among the {name} that match; the {MAX_VALUES} most frequent.",
        "parameters": [
            {
                "in": "query",
                "name": "fields",
                "required": True,
                "description": fields,
                "schema": {"type": "string", "minLength": 1},
                "example": named,
            },
            filter_,
            *_OF_ALL,
        ],
        "responses": _answered("200", schema, counted),
    }


def _select(name: str) -> Schema:
    filter_ = {**_TEXT, "description": "Which records, in the filter language; all when empty."}
    asked = {"type": "object", "properties": {"filter": filter_}, "additionalProperties": False}
    said: Schema = {
        "selection": {**_TEXT, "description": "Stands for them when a job is made; nobody else can use it."},
        "count": {"type": "integer", "description": "How many match."},
        "capped": {
            "type": "boolean",
            "description": f"Whether more than the {COUNTED} that were counted match: no job takes those.",
        },
        "expireTime": {**_TEXT, "format": "date-time", "description": "Until when it is good."},
    }
    answer = {"type": "object", "properties": said, "required": list(said)}
    told = {"selection": "c2VsZWN0aW9u", "count": 4312, "capped": False, "expireTime": "2026-05-04T13:00:00Z"}
    return {
        "operationId": f"{name}_select",
        "summary": f"All {name} that match, to be named by one text",
        "description": f"How many {name} match a filter, and a text that stands for those that are there now: a job takes it.",
        "parameters": [*_OF_ALL],
        "requestBody": {"required": True, "content": {"application/json": {"schema": asked, "example": {"filter": ""}}}},
        "responses": _answered("200", answer, told, *BODY),
    }


def _answered(status: str, schema: Schema, sample: Any, *more_refused: int) -> Schema:
    refused = {400, 401, 403, 404, 406, 414, 422, 429, 431, 500, 503, 504, *more_refused}
    content = {"application/json": {"schema": schema, "example": sample}}
    more = ("Dry-Run",) if status == "207" else ()
    return {status: {"description": "Done", "headers": headers(*more, *RATED), "content": content}, **refusals(refused)}
