"""The OpenAPI 3.1 document, from the descriptors, their comments and the routing table that answers the requests.

Fails at start with `ValueError` where two bindings would have the same operation id.
"""

import re
import sys
from collections.abc import Callable, Collection, Iterator
from functools import cache
from typing import Any

import orjson
from google.api.field_behavior_pb2 import REQUIRED

from chassis.codec import has_behavior
from chassis.policy import ANONYMOUS, SIGNED_IN
from services.gateway.openapi import answers, edges, generic, parameters
from services.gateway.openapi.comments import comments, summary
from services.gateway.openapi.samples import example
from services.gateway.openapi.samples import parameter as parameter_sample
from services.gateway.openapi.schemas import Schema, Schemas, Use
from services.gateway.rest.exports import EXPORT, FORMATS
from services.gateway.rest.lists import exportable
from services.gateway.rest.manners import DRY_RUN, FIELDS
from services.gateway.rest.route import BATCH, Route
from services.gateway.rest.routes import PREFIX, Routes, declared, descriptors
from services.gateway.rest.transcode import MAX_PAGE

_JSON = "application/json"
_DEFAULT_PAGE = 50
_FILES = {
    "csv": {"schema": {"type": "string"}, "example": "id\r\ninc_01hv6k3q8r5w7x9y2z4a6b8c0d\r\n"},
    "jsonl": {"schema": {"type": "string"}, "example": '{"id":"inc_01hv6k3q8r5w7x9y2z4a6b8c0d"}\n'},
    "xlsx": {"schema": {"type": "string", "format": "binary"}},
}
_ABOUT = """Every answer but success is a problem document (RFC 9457); its `type` says which kind, its `reason` what happened.

Fields without presence are always in an answer (`""`, `0`, `[]`), others are absent while they have no value. Whole numbers of
64 bits are strings, durations seconds (`"90s"`), times UTC (RFC 3339). A word of an enum that ends in `_UNSPECIFIED` means that
nobody has said it, and is never sent. What a later version answers may have more fields and more words: pass over them.

The permission that an operation needs is its scope. Whoever lacks it gets 403; what a caller may not see is 404."""


def document(routes: Routes, *, version: str, oidc_url: str) -> Schema:
    """The document. `version` is the platform's, `oidc_url` where the realm describes itself."""
    texts = _in_json(comments(descriptors()))
    for route in routes.all:
        done = summary(texts.get(route.rpc.descriptor.full_name, ""))
        texts.setdefault(route.rpc.request.DESCRIPTOR.full_name, f"What is said to do this: {done}.")
        texts.setdefault(route.rpc.response.DESCRIPTOR.full_name, f"What is answered to this: {done}.")
    schemas = Schemas(texts)
    paths: dict[str, Schema] = {}
    samples: Schema = {}
    seen: dict[str, str] = {}
    of_records = {operation_id(route) for route in routes.all if _is_of_record(route)}
    for route in routes.all:
        operation = {**_operation(route, schemas, texts, samples), "operationId": operation_id(route, of_records)}
        taken = seen.setdefault(operation["operationId"], route.rpc.path)
        if taken != route.rpc.path or route.verb.lower() in paths.get(route.template, {}):
            raise ValueError(f"{route.rpc.path} and {taken} would both be {operation['operationId']}")
        paths.setdefault(route.template, {})[route.verb.lower()] = operation
        if exportable(route):
            paths[route.template + EXPORT] = {"get": _export(route, operation)}
    for route in routes.generic:
        record = schemas.message(route.rpc.response.DESCRIPTOR, Use.ANSWER)
        sample = example(_of_plural(_tag(route)) or route.rpc.response.DESCRIPTOR, Use.ANSWER)
        described = generic.described(route, _tag(route), record, sample)
        operation = {"tags": [_tag(route)], **described, "security": _security(route)}
        paths.setdefault(route.template, {})[route.verb.lower()] = operation
    for path, operations in edges.paths(schemas).items():
        paths[path] = {**paths.get(path, {}), **operations}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ITSM",
            "version": version,
            "summary": "Assets, incidents, monitoring and figures of an IT service desk.",
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This installation."}],
        "tags": _tags(routes, texts),
        "paths": paths,
        "components": {
            "schemas": {
                **dict(sorted(schemas.components.items())),
                **generic.COMPONENTS,
                "Problem": answers.PROBLEM,
                "ProblemError": answers.PROBLEM_ERROR,
            },
            "parameters": parameters.PARAMETERS,
            "headers": answers.HEADERS,
            "responses": answers.RESPONSES,
            "examples": dict(sorted(samples.items())),
            "securitySchemes": parameters.schemes(oidc_url),
        },
    }


def described() -> bytes:
    """The document of everything that is declared, as text with a line for each path and component.

    The realm is another in each installation, so it is left open.
    """
    return b"".join(_lines(document(declared(), version="v1", oidc_url="/"), _SPLIT)) + b"\n"


_SPLIT = 2


def _lines(value: Schema, depth: int) -> Iterator[bytes]:
    yield b"{\n"
    for at, (name, inner) in enumerate(value.items()):
        yield (b",\n" if at else b"") + orjson.dumps(name) + b":"
        if depth and isinstance(inner, dict) and inner:
            yield from _lines(inner, depth - 1 if name == "components" else 0)
        else:
            yield orjson.dumps(inner)
    yield b"\n}"


def _in_json(texts: dict[str, str]) -> dict[str, str]:
    """Comments name fields as protos do; readers of the document know them as JSON has them."""
    known = {name.rpartition(".")[2] for name in texts}

    def camel(found: re.Match[str]) -> str:
        head, *rest = found[1].split("_")
        return f"`{head}{''.join(word.title() for word in rest)}`" if found[1] in known else found[0]

    return {name: re.sub(r"`([a-z]+(?:_[a-z0-9]+)+)`", camel, text) for name, text in texts.items()}


def _export(route: Route, listing: Schema) -> Schema:
    """The same list as a file."""
    name = _tag(route)
    sparse = {"$ref": "#/components/parameters/Fields"}
    kept = [each for each in listing["parameters"] if each.get("name") not in ("pageSize", "pageToken") and each != sparse]
    form = {"type": "string", "enum": list(FORMATS), "default": "csv"}
    fields = {"in": "query", "name": "fields", "description": "Columns, with commas between them; all when absent."}
    own = [
        {"in": "query", "name": "format", "description": "What kind of file.", "schema": form, "example": "csv"},
        {**fields, "schema": {"type": "string"}, "example": "id"},
    ]
    file: Schema = {
        "description": "The file",
        "headers": answers.headers("Content-Disposition"),
        "content": {FORMATS[kind]: content for kind, content in _FILES.items()},
    }
    refused = {status: answer for status, answer in listing["responses"].items() if int(status) >= 400}
    too_large = {"413": {"$ref": "#/components/responses/Problem413"}}
    return {
        **listing,
        "operationId": f"{name}_export",
        "summary": f"The list of {name} as a file",
        "description": f"The list of {name} as a file, streamed. In CSV an apostrophe leads what would run as a formula.",
        "parameters": [*kept, *own],
        "responses": {"200": file, **refused, **too_large},
    }


def _tags(routes: Routes, texts: dict[str, str]) -> list[Schema]:
    """Each resource with what its record is, or else what the service that offers it is for."""
    found = {_tag(route): texts.get(route.service, "") for route in reversed(routes.all)}
    for route in routes.all:
        if route.resource == _tag(route):
            found[route.resource] = texts.get(route.rpc.response.DESCRIPTOR.full_name) or found[route.resource]
    return [{"name": name, "description": text} for name, text in (sorted(found.items()) + list(edges.TAGS.items()))]


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


def _operation(route: Route, schemas: Schemas, texts: dict[str, str], samples: Schema) -> Schema:
    text = texts.get(route.rpc.descriptor.full_name, "")
    operation: Schema = {"tags": [_tag(route)]}
    if text:
        operation |= {"summary": summary(text), "description": text}
    operation["parameters"] = _parameters(route, schemas)
    if route.body:
        operation["requestBody"] = _body(route, schemas, samples)
    operation["responses"] = _responses(route, schemas, samples)
    if route.leaving:
        operation["deprecated"] = True
    return {**operation, "security": _security(route)}


def _security(route: Route) -> list[Schema]:
    if route.rpc.requires == ANONYMOUS:
        return []
    # What a batch needs is said by its operations.
    scopes = [] if route.rpc.requires == SIGNED_IN or route.generic == BATCH else [route.rpc.requires]
    return parameters.security(scopes, writes=route.verb != "GET")


def _parameters(route: Route, schemas: Schemas) -> list[Schema]:
    record = _record(route)
    variables = ((name, route.request.fields_by_name[name]) for name in route.variables)
    found = [_parameter(field, "path", schemas, record) | {"name": name, "required": True} for name, field in variables]
    for name, field in route.parameters.items():
        parameter = _parameter(field, "query", schemas, record) | {"name": name}
        if name == "pageSize":
            parameter["schema"] = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": _DEFAULT_PAGE}
        if has_behavior(field, REQUIRED):
            parameter["required"] = True
        found.append(parameter)
    names = ["RequestId"] + (["Tenant"] if route.rpc.requires != ANONYMOUS else [])
    if route.conditional:
        names.append("IfMatch" if route.precondition_required else "IfMatchOptional")
    if route.verb == "GET":
        names += ["IfNoneMatch"] if route.tagged else []
        names += ["Fields"] if FIELDS not in route.parameters else []
    else:
        names.append("IdempotencyKey")
        names += ["DryRun"] if DRY_RUN not in route.parameters else []
    return found + [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _parameter(field: Any, place: str, schemas: Schemas, record: Any) -> Schema:
    schema = schemas.field(field, Use.INPUT)
    text = schema.pop("description", "")
    if place == "path":
        schema = {**schema, "minLength": 1}
    sample = parameter_sample(field, record)
    return {"in": place, **({"description": text} if text else {}), "schema": schema, "example": sample}


def _record(route: Route) -> Any:
    """What the operation is about: the message of the record that its address names; `None` where it names none."""
    reply = route.rpc.response.DESCRIPTOR
    inner = [item.message_type for item in reply.fields if item.is_repeated and item.message_type is not None]
    if route.paged and inner:
        return inner[0]
    return _of_plural(_tag(route)) or reply


def _of_plural(plural: str) -> Any:
    return _of_all().get(plural)


@cache
def _of_all() -> dict[str, Any]:
    """The message of each resource that some operation answers with."""
    return {route.resource: route.rpc.response.DESCRIPTOR for route in reversed(declared().all) if route.resource}


def _body(route: Route, schemas: Schemas, samples: Schema) -> Schema:
    use = Use.PATCH if route.masked else Use.INPUT
    without = route.variables if route.body_field is None else ()
    descriptor = route.body_type.DESCRIPTOR
    schema = schemas.message(descriptor, use, without)
    content = _shown(schema, lambda: example(descriptor, use, without), samples)
    return {"required": not route.body_may_be_absent, "content": {_JSON: content}}


def _responses(route: Route, schemas: Schemas, samples: Schema) -> Schema:
    reply = route.rpc.response.DESCRIPTOR
    names = ["ETag"] if route.tagged else []
    names += ["Link"] if route.paged or route.leaving else []
    names += ["Deprecation", "Sunset"] if route.leaving else []
    names += ["Idempotency-Replayed", "Dry-Run"] if route.verb != "GET" else []
    names += answers.RATED
    success: Schema = {
        "description": "Created" if route.creates else "Done",
        "headers": answers.headers(*(["Location"] if route.creates else []), *names),
    }
    status = "201" if route.creates else "200"
    if reply.full_name == "google.protobuf.Empty":
        status = "204"
    else:
        success["content"] = {_JSON: _shown(schemas.message(reply, Use.ANSWER), lambda: example(reply, Use.ANSWER), samples)}
    found: Schema = {status: success}
    if route.creates and status == "201":
        found["200"] = {**success, "description": "With `dryRun`: as it would be.", "headers": answers.headers(*names)}
    if route.tagged and route.verb == "GET":
        found["304"] = {
            "description": "The client has this version already.",
            "headers": answers.headers("ETag", *answers.RATED),
        }
    return {**dict(sorted(found.items())), **answers.refusals(_refusals(route))}


def _shown(schema: Schema, make: Callable[[], Any], samples: Schema) -> Schema:
    """A schema with its example; what has a name is shown by reference, as it is in many places."""
    name = schema.get("$ref", "").rpartition("/")[2]
    if not name:
        return {"schema": schema, "example": make()}
    if name not in samples:
        samples[name] = {"value": make()}
    return {"schema": schema, "examples": {"example": {"$ref": f"#/components/examples/{name}"}}}


def _refusals(route: Route) -> set[int]:
    statuses = set(answers.ALWAYS)
    if route.rpc.requires != ANONYMOUS:
        statuses |= answers.KNOWN
    elif route.verb != "GET":
        statuses.add(401)  # whoever writes without a sign-in shows something else
    if route.verb != "GET":
        statuses.add(409)
    if route.conditional:
        statuses.add(412)
    if route.precondition_required:
        statuses.add(428)
    if route.body:
        statuses |= answers.BODY
    return statuses


if __name__ == "__main__":  # for programs that are made from the document
    sys.stdout.buffer.write(described())
