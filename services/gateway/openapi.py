"""The OpenAPI 3.1 document, from the descriptors, their comments and the routing table that answers the requests.

Fails at start with `ValueError` where two bindings would have the same operation id.
"""

import sys
from collections.abc import Collection
from typing import Any

import orjson
from google.api.field_behavior_pb2 import REQUIRED

from chassis.codec import has_behavior
from chassis.http.problems import CONTENT_TYPE, TITLES
from chassis.policy import ANONYMOUS, SIGNED_IN
from services.gateway import genericdocs
from services.gateway.comments import comments, summary
from services.gateway.exports import EXPORT, FORMATS, exportable
from services.gateway.generic import BATCH
from services.gateway.manners import DRY_RUN, FIELDS
from services.gateway.routes import PREFIX, Route, Routes, declared, descriptors
from services.gateway.schemas import Schema, Schemas, Use, example
from services.gateway.transcode import MAX_PAGE

_JSON = "application/json"
_DEFAULT_PAGE = 50
_ALWAYS = (400, 404, 406, 414, 429, 500, 503, 504)
_SLUGS = {
    400: "malformed", 401: "unauthenticated", 403: "forbidden", 404: "not-found", 406: "not-acceptable", 409: "conflict",
    412: "precondition", 413: "too-large", 414: "uri-too-long", 415: "media-type", 422: "validation", 428: "precondition",
    429: "rate-limited", 500: "internal", 503: "dependency", 504: "deadline",
}  # fmt: skip


def document(routes: Routes, *, version: str, oidc_url: str) -> Schema:
    """The document. `version` is the platform's, `oidc_url` where the realm describes itself."""
    texts = comments(descriptors())
    schemas = Schemas(texts)
    paths: dict[str, Schema] = {}
    seen: dict[str, str] = {}
    of_records = {operation_id(route) for route in routes.all if _is_of_record(route)}
    for route in routes.all:
        operation = {**_operation(route, schemas, texts), "operationId": operation_id(route, of_records)}
        taken = seen.setdefault(operation["operationId"], route.rpc.path)
        if taken != route.rpc.path or route.verb.lower() in paths.get(route.template, {}):
            raise ValueError(f"{route.rpc.path} and {taken} would both be {operation['operationId']}")
        paths.setdefault(route.template, {})[route.verb.lower()] = operation
        if exportable(route):
            paths[route.template + EXPORT] = {"get": _export(route, operation)}
    for route in routes.generic:
        record = schemas.message(route.rpc.response.DESCRIPTOR, Use.ANSWER)
        operation = {"tags": [_tag(route)], **genericdocs.described(route, _tag(route), record), "security": _security(route)}
        paths.setdefault(route.template, {})[route.verb.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ITSM",
            "version": version,
            "description": "Every answer but success is a problem document (RFC 9457); its `type` says which kind.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": _tags(routes, texts),
        "paths": paths,
        "components": {
            "schemas": {**schemas.components, **genericdocs.COMPONENTS, "Problem": _PROBLEM},
            "parameters": _PARAMETERS,
            "headers": _HEADERS,
            "responses": {_response_name(status): _refusal(status) for status in _SLUGS},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A personal access token or an access token."},
                "oidc": {"type": "openIdConnect", "openIdConnectUrl": oidc_url},
            },
        },
    }


def _export(route: Route, listing: Schema) -> Schema:
    """The same list as a file."""
    name = _tag(route)
    sparse = {"$ref": "#/components/parameters/Fields"}
    kept = [each for each in listing["parameters"] if each.get("name") not in ("pageSize", "pageToken") and each != sparse]
    form = {"type": "string", "enum": list(FORMATS), "default": "csv"}
    fields = {"in": "query", "name": "fields", "description": "Columns, with commas between them; all when absent."}
    own = [
        {"in": "query", "name": "format", "description": "What kind of file.", "schema": form},
        {**fields, "schema": {"type": "string"}, "example": "id"},
    ]
    file: Schema = {
        "description": "The file",
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
        "content": {media: {"schema": {"type": "string"}} for media in FORMATS.values()},
    }
    refused = {status: answer for status, answer in listing["responses"].items() if int(status) >= 400}
    too_large = {"413": {"$ref": f"#/components/responses/{_response_name(413)}"}}
    return {
        **listing,
        "operationId": f"{name}_export",
        "summary": f"The list of {name} as a file.",
        "description": f"The list of {name} as a file, streamed. In CSV an apostrophe leads what would run as a formula.",
        "parameters": [*kept, *own],
        "responses": {"200": file, **refused, **too_large},
    }


def _tags(routes: Routes, texts: dict[str, str]) -> list[Schema]:
    found = dict.fromkeys(_tag(route) for route in routes.all)
    about = {route.resource: texts.get(route.rpc.response.DESCRIPTOR.full_name, "") for route in routes.all if route.resource}
    return [{"name": name, **({"description": about[name]} if about.get(name) else {})} for name in found]


def _tag(route: Route) -> str:
    return route.template.removeprefix(PREFIX).split("/")[0].partition(":")[0]


def operation_id(route: Route, of_records: Collection[str] = ()) -> str:
    """`incidents_list`, `incidents_resolve`, `incidents_notes_create`: the resource, what is below it, what is done.

    `of_records` are the names that verbs of single records have: a verb of the whole collection gives way, `checks_report_all`.
    """
    path, _, verb = route.template.removeprefix(PREFIX).partition(":")
    segments = path.split("/")
    if not verb:
        single = segments[-1].startswith("{")
        verb = {"GET": "get" if single else "list", "POST": "create", "PATCH": "update", "PUT": "replace", "DELETE": "delete"}[
            route.verb
        ]
    name = "_".join([*(segment for segment in segments if not segment.startswith("{")), verb])
    return f"{name}_all" if name in of_records and not _is_of_record(route) else name


def _is_of_record(route: Route) -> bool:
    return route.template.partition(":")[0].endswith("}")


def _operation(route: Route, schemas: Schemas, texts: dict[str, str]) -> Schema:
    text = texts.get(route.rpc.descriptor.full_name, "")
    operation: Schema = {"tags": [_tag(route)]}
    if text:
        operation |= {"summary": summary(text), "description": text}
    operation["parameters"] = _parameters(route, schemas)
    if route.body:
        operation["requestBody"] = _body(route, schemas)
    operation["responses"] = _responses(route, schemas)
    if route.leaving:
        operation["deprecated"] = True
    return {**operation, "security": _security(route)}


def _security(route: Route) -> list[Schema]:
    if route.rpc.requires == ANONYMOUS:
        return []
    # What a batch needs is said by its operations.
    scopes = [] if route.rpc.requires == SIGNED_IN or route.generic == BATCH else [route.rpc.requires]
    return [{"bearer": scopes}, {"oidc": scopes}]


def _parameters(route: Route, schemas: Schemas) -> list[Schema]:
    variables = ((name, route.request.fields_by_name[name]) for name in route.variables)
    found = [_parameter(field, "path", schemas) | {"name": name, "required": True} for name, field in variables]
    for name, field in route.parameters.items():
        parameter = _parameter(field, "query", schemas) | {"name": name}
        if name == "pageSize":
            parameter["schema"] = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": _DEFAULT_PAGE}
        if has_behavior(field, REQUIRED):
            parameter["required"] = True
        found.append(parameter)
    headers = ["RequestId"]
    if route.conditional:
        headers.append("IfMatch" if route.precondition_required else "IfMatchOptional")
    if route.verb == "GET":
        headers += ["IfNoneMatch"] if route.tagged else []
        headers += ["Fields"] if FIELDS not in route.parameters else []
    else:
        headers.append("IdempotencyKey")
        headers += ["DryRun"] if DRY_RUN not in route.parameters else []
    return found + [{"$ref": f"#/components/parameters/{name}"} for name in headers]


def _parameter(field: Any, place: str, schemas: Schemas) -> Schema:
    schema = schemas.field(field, Use.INPUT)
    text = schema.pop("description", "")
    if place == "path":
        schema = {**schema, "minLength": 1}
    return {"in": place, **({"description": text} if text else {}), "schema": schema}


def _body(route: Route, schemas: Schemas) -> Schema:
    use = Use.PATCH if route.masked else Use.INPUT
    without = route.variables if route.body_field is None else ()
    descriptor = route.body_type.DESCRIPTOR
    content = {"schema": schemas.message(descriptor, use, without), "example": example(descriptor, use, without)}
    return {"required": not route.body_may_be_absent, "content": {_JSON: content}}


def _responses(route: Route, schemas: Schemas) -> Schema:
    reply = route.rpc.response.DESCRIPTOR
    headers = ["X-Request-Id"]
    if route.tagged:
        headers.append("ETag")
    if route.paged:
        headers.append("Link")
    if route.creates:
        headers.append("Location")
    success: Schema = {
        "description": "Created" if route.creates else "Done",
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
    }
    status = "201" if route.creates else "200"
    if reply.full_name == "google.protobuf.Empty":
        status = "204"
    else:
        success["content"] = {_JSON: {"schema": schemas.message(reply, Use.ANSWER), "example": example(reply, Use.ANSWER)}}
    found: Schema = {status: success}
    if route.creates:
        kept = {name: value for name, value in success["headers"].items() if name != "Location"}
        found["200"] = {**success, "description": "With `dryRun`: as it would be.", "headers": kept}
    if route.tagged and route.verb == "GET":
        found["304"] = {"description": "The client has this version already."}
    for refused in sorted(_refusals(route)):
        found[str(refused)] = {"$ref": f"#/components/responses/{_response_name(refused)}"}
    return found


def _refusals(route: Route) -> set[int]:
    statuses = {*_ALWAYS, 422}
    if route.rpc.requires != ANONYMOUS:
        statuses |= {401, 403}
    if route.verb != "GET":
        statuses.add(409)
    if route.conditional:
        statuses.add(412)
    if route.precondition_required:
        statuses.add(428)
    if route.body:
        statuses |= {413, 415}
    return statuses


def _response_name(status: int) -> str:
    return f"Problem{status}"


def _refusal(status: int) -> Schema:
    slug = _SLUGS[status]
    sample = {
        "type": f"urn:itsm:problem:{slug}",
        "title": TITLES[slug],
        "status": status,
        "detail": TITLES[slug],
        "instance": "/api/v1/incidents",
        "reason": slug.upper().replace("-", "_"),
        "errors": [{"pointer": "/title", "message": "is required"}] if status == 422 else [],
        "requestId": "018f0e0a-7b1c-7c3d-8e4f-5a6b7c8d9e0f",
        "traceId": "0af7651916cd43dd8448eb211c80319c",
    }
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": sample}
    headers = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    if status in (429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    return {"description": TITLES[slug], "headers": headers, "content": {CONTENT_TYPE: content}}


_TEXT = {"type": "string"}
_PROBLEM: Schema = {
    "type": "object",
    "description": "What went wrong (RFC 9457). Further members tell facts, such as `etag`, `permission` or `state`.",
    "properties": {
        "type": {"type": "string", "enum": [f"urn:itsm:problem:{slug}" for slug in TITLES], "description": "Which kind."},
        "title": {**_TEXT, "description": "The kind, for people."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {**_TEXT, "description": "What happened this time, for people."},
        "instance": {**_TEXT, "description": "The path that was asked for."},
        "reason": {**_TEXT, "description": "What happened, as a stable word for programs."},
        "errors": {
            "type": "array",
            "description": "What is wrong where in the request.",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {**_TEXT, "description": "JSON pointer; parameters are pointed at as members of the body."},
                    "message": {**_TEXT, "description": "What would be right."},
                },
                "required": ["pointer", "message"],
            },
        },
        "requestId": {**_TEXT, "description": "Names the request in our logs."},
        "traceId": {**_TEXT, "description": "Names its trace."},
    },
    "required": ["type", "title", "status", "detail", "instance", "reason", "errors", "requestId", "traceId"],
}
_ENTITY_TAG = {"type": "string", "examples": ['"3"']}
_PARAMETERS: dict[str, Schema] = {
    "RequestId": {
        "name": "X-Request-Id", "in": "header", "description": "Names the request in logs and answers; made when absent.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
    },
    "IfMatch": {
        "name": "If-Match", "in": "header", "required": True, "schema": _ENTITY_TAG,
        "description": "The version that this is about, or `*` for any.",
    },
    "IfMatchOptional": {
        "name": "If-Match", "in": "header", "schema": _ENTITY_TAG,
        "description": "The version that this is about; any when absent.",
    },
    "IfNoneMatch": {
        "name": "If-None-Match", "in": "header", "schema": _ENTITY_TAG,
        "description": "The version that the client has; 304 when it is still this one.",
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "minLength": 1, "maxLength": 257},
        "description": "The same request with the same key is done once and answered again.",
    },
    "IdempotencyKeyRequired": {
        "name": "Idempotency-Key", "in": "header", "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": 257},
        "description": "What the keys of the operations follow from: each is done once and answered again.",
    },
    "Fields": {
        "name": "fields", "in": "query", "schema": {"type": "string", "minLength": 1},
        "description": "Names of fields, with commas between them: the answer, or each record of it, has no others.",
    },
    "DryRun": {
        "name": "dryRun", "in": "query", "schema": {"type": "boolean", "default": False},
        "description": "Answers with what would be, checked as if it were done, and changes nothing.",
    },
}  # fmt: skip
_HEADERS: dict[str, Schema] = {
    "X-Request-Id": {"description": "Names the request.", "schema": _TEXT},
    "ETag": {"description": "The version of the record.", "schema": _ENTITY_TAG},
    "Link": {"description": 'Where the next page is (`rel="next"`).', "schema": _TEXT},
    "Location": {"description": "Where the new record is.", "schema": _TEXT},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
}


if __name__ == "__main__":  # for programs that are made from the document; the realm is another in each installation
    sys.stdout.buffer.write(orjson.dumps(document(declared(), version="v1", oidc_url="/"), option=orjson.OPT_INDENT_2))
