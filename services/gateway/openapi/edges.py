"""How the OpenAPI document tells of what no proto binds: the live stream, signing in, the documents themselves."""

from typing import Any

from itsm.auth import v1 as auth
from itsm.incident import v1 as incident

from services.gateway.eventdocs import ASYNCAPI_PATH, SCHEMAS_PATH
from services.gateway.openapi import parameters
from services.gateway.openapi.answers import ALWAYS, KNOWN, headers, refusals
from services.gateway.openapi.samples import example
from services.gateway.openapi.schemas import Schema, Schemas, Use
from services.gateway.rest.attachments import ALL as FILES
from services.gateway.rest.attachments import CONTENT as FILE
from services.gateway.rest.attachments import HARMLESS
from services.gateway.rest.exports import FORMATS

STREAM, DOCS, OPENAPI = "/api/v1/stream", "/api/v1/docs", "/api/v1/openapi.json"
TAGS = {
    "stream": "What happens, as it happens: server-sent events of everything that the caller may read.",
    "sign-in": "How browsers sign in and out; programs send a token and need none of this.",
    "documents": "What this platform says of itself, for people and for generators of code.",
}
_TEXT = {"type": "string"}
_BINARY: Schema = {"type": "string", "format": "binary"}
_HEAD = frozenset({414, 431, 500})
_EVENT = (
    'id: AAECAwQ\nevent: itsm.incident.v1.IncidentOpened\ndata: {"id":"018f0e0a-7b1c-7c3d-8e4f-5a6b7c8d9e0f",'
    '"type":"itsm.incident.v1.IncidentOpened","subject":"incidents/inc_01hv6k3q8r5w7x9y2z4a6b8c0d"}\n\n'
)


def paths(schemas: Schemas) -> dict[str, Schema]:
    """The operations by path."""
    return {
        STREAM: {"get": _stream()},
        "/api/v1/jobs/{id}/result": {"get": _result()},
        FILES: {"post": _attach(schemas)},
        FILE: {"get": _content()},
        "/auth/config": {"get": _config()},
        "/auth/login": {"get": _login()},
        "/auth/callback": {"get": _callback()},
        "/auth/me": {"get": _me(schemas)},
        "/auth/logout": {"post": _logout()},
        "/auth/backchannel-logout": {"post": _backchannel()},
        OPENAPI: {"get": _document("openapi", "This document.", "The OpenAPI document of everything that is offered here.")},
        ASYNCAPI_PATH: {"get": _document("asyncapi", "The events, as AsyncAPI 3.", "Topics, headers and events on Kafka.")},
        SCHEMAS_PATH + "{name}": {"get": _schema()},
        DOCS: {"get": _page()},
    }


def _operation(tag: str, name: str, summary: str, description: str, **parts: Any) -> Schema:
    return {"tags": [tag], "operationId": name, "summary": summary, "description": description, **parts}


def _query(name: str, description: str, example_: Any, schema: Schema | None = None, *, required: bool = False) -> Schema:
    must = {"required": True} if required else {}
    return {"in": "query", "name": name, "description": description, **must, "schema": schema or _TEXT, "example": example_}


def _answer(description: str, media: str, schema: Schema, sample: Any, *more: str) -> Schema:
    return {"description": description, "headers": headers(*more), "content": {media: {"schema": schema, "example": sample}}}


def _stream() -> Schema:
    return _operation(
        "stream",
        "stream_open",
        "Server-sent events of what happens",
        "Server-sent events (`text/event-stream`) of what happens to records that the caller may read. An event `reset` says "
        "that something was missed: read the records again; `reauth` that the caller is not known any more; `rights` that "
        "he may do something else than before; `presence` who is at a record where the caller is, too. After half an hour "
        "at most the stream ends, and the client comes back with the last `id`. A caller may have five at once.",
        parameters=[
            _query("topics", "Kinds of records and single ones, with commas between them; all when absent.", "incidents"),
            _query("lastEventId", "The last `id` that the client has seen: what came since is sent.", "AAECAwQ"),
            {
                "in": "header", "name": "Last-Event-ID", "description": "The same; browsers send it by themselves.",
                "schema": _TEXT, "example": "AAECAwQ",
            },
            {"$ref": "#/components/parameters/RequestId"},
            {"$ref": "#/components/parameters/Tenant"},
        ],
        responses={"200": _answer("Events", "text/event-stream", _TEXT, _EVENT), **refusals(ALWAYS - {404, 406} | KNOWN)},
        security=parameters.security([], writes=False),
    )  # fmt: skip


def _result() -> Schema:
    file = {"type": "string", "format": "binary"}
    kinds = {media: {"schema": file} for media in FORMATS.values()}
    return _operation(
        "jobs", "jobs_result", "The file of an export", "The file that a job made of a list, for whoever may see the job.",
        parameters=[
            {
                "in": "path", "name": "id", "required": True, "description": "The job.", "schema": {**_TEXT, "minLength": 1},
                "example": "job_01hv6k3q8r5w7x9y2z4a6b8c0d",
            },
            {"$ref": "#/components/parameters/RequestId"},
            {"$ref": "#/components/parameters/Tenant"},
        ],
        responses={
            "200": {"description": "The file", "headers": headers(), "content": kinds}, **refusals(ALWAYS - {406} | KNOWN),
        },
        security=parameters.security(["jobs.get"], writes=False),
    )  # fmt: skip


def _named(name: str, description: str, sample: str) -> Schema:
    return {
        "in": "path", "name": name, "required": True, "description": description, "schema": {**_TEXT, "minLength": 1},
        "example": sample,
    }  # fmt: skip


def _said(name: str, description: str, sample: str) -> Schema:
    return {"in": "header", "name": name, "description": description, "schema": _TEXT, "example": sample}


def _attach(schemas: Schemas) -> Schema:
    descriptor = incident.Attachment.DESCRIPTOR
    schema, sample = schemas.message(descriptor, Use.ANSWER), example(descriptor, Use.ANSWER)
    made = _answer("Added", "application/json", schema, sample, "Location", "ETag")
    return _operation(
        "incidents", "incidents_attach", "Add a file to an incident",
        "The body is the file and nothing else; its type, name and length are headers. What is in the file is compared with "
        "its type. It is there when all of it is.",
        parameters=[
            _named("id", "Id or number of the incident.", "INC0001042"),
            _query("internal", "Whether the reporter is not to see it.", False, {"type": "boolean"}),
            _said("Content-Disposition", "The file's name (RFC 6266).", "attachment; filename*=UTF-8''photo.png"),
            _said("Content-Digest", "SHA-256 of the file (RFC 9530); what comes is compared with it.", "sha-256=:…:"),
            {"$ref": "#/components/parameters/IdempotencyKey"},
            {"$ref": "#/components/parameters/RequestId"},
            {"$ref": "#/components/parameters/Tenant"},
        ],
        requestBody={"required": True, "content": {"application/octet-stream": {"schema": _BINARY}}},
        responses={"201": made, **refusals(ALWAYS | KNOWN | {408, 409, 413, 415, 422})},
        security=parameters.security(["attachments.create"], writes=True),
    )  # fmt: skip


def _content() -> Schema:
    file = {"description": "The file", "headers": headers("ETag")}
    kinds = sorted({*HARMLESS, "application/octet-stream", "text/plain; charset=utf-8"})
    return _operation(
        "incidents", "incidents_attachment_content", "What a file of an incident holds",
        "The file, to be kept and never to be shown: what a browser would run comes as bytes. Ranges are passed over.",
        parameters=[
            _named("id", "Id or number of the incident.", "INC0001042"),
            _named("attachment_id", "The attachment.", "att_01hv6k3q8r5w7x9y2z4a6b8c0d"),
            {"$ref": "#/components/parameters/IfNoneMatch"},
            {"$ref": "#/components/parameters/RequestId"},
            {"$ref": "#/components/parameters/Tenant"},
        ],
        responses={
            "200": {**file, "content": {media: {"schema": _BINARY} for media in kinds}},
            "304": {"description": "The client has it already.", "headers": headers("ETag")},
            **refusals(ALWAYS - {406} | KNOWN),
        },
        security=parameters.security(["attachments.get"], writes=False),
    )  # fmt: skip


def _config() -> Schema:
    schema = {
        "type": "object",
        "properties": {
            "issuer": {**_TEXT, "format": "uri", "description": "The realm; it describes itself below `/.well-known`."},
            "clientId": {**_TEXT, "description": "The public client for programs: PKCE or the device flow."},
            "deviceScopes": {**_TEXT, "description": "The scopes to ask for."},
        },
        "required": ["issuer", "clientId", "deviceScopes"],
    }
    sample = {
        "issuer": "https://id.example.com/realms/itsm", "clientId": "itsm-cli", "deviceScopes": "openid organization:*",
    }  # fmt: skip
    return _operation(
        "sign-in", "auth_config", "How a program signs a person in", "The realm, and the client for it.",
        responses={"200": _answer("Done", "application/json", schema, sample), **refusals(_HEAD)}, security=[],
    )  # fmt: skip


def _login() -> Schema:
    moved = {"description": "To the sign-in page of the realm.", "headers": headers("Location", "Set-Cookie")}
    return _operation(
        "sign-in",
        "auth_login",
        "Begin to sign in with a browser",
        "Sends the browser to the realm, with a proof key (PKCE) of its own, and from there back to `/auth/callback`.",
        parameters=[
            _query("next", "The path here to come back to.", "/incidents"),
            _query("tenant", "The tenant to work in, for people who have several.", "main"),
            _query("stepUp", "Whether to prove anew, at the second level, who this is.", True, {"type": "boolean"}),
        ],
        responses={"302": moved, **refusals(_HEAD | {429, 503})},
        security=[],
    )


def _callback() -> Schema:
    moved = {"description": "Signed in; to where the sign-in was begun from.", "headers": headers("Location", "Set-Cookie")}
    return _operation(
        "sign-in",
        "auth_callback",
        "Back from the realm",
        "Takes the code of a sign-in that this browser has begun, opens a session, and sets its cookie.",
        parameters=[
            _query("code", "The code of the realm.", "f1c7c0de", required=True),
            _query("state", "What the sign-in was begun with.", "V1d0cXc", required=True),
            _query("iss", "The realm.", "https://id.example.com/realms/itsm"),
            _query("error", "Why there is no code.", "access_denied"),
        ],
        responses={"303": moved, **refusals(_HEAD | KNOWN | {400, 429, 503, 504})},
        security=[],
    )


def _me(schemas: Schemas) -> Schema:
    whoami = auth.WhoAmIResponse.DESCRIPTOR
    schema, sample = schemas.message(whoami, Use.ANSWER), example(whoami, Use.ANSWER)
    return _operation(
        "sign-in", "auth_me", "Who is signed in", "Who is signed in, in which tenant, with which roles and permissions.",
        responses={
            "200": _answer("Done", "application/json", schema, sample), **refusals(_HEAD | KNOWN | {400, 429, 503, 504}),
        },
        security=parameters.security([], writes=False),
    )  # fmt: skip


def _logout() -> Schema:
    url = {**_TEXT, "format": "uri", "description": "Where the browser ends its session at the realm, too."}
    schema = {"type": "object", "properties": {"logoutUrl": url}, "required": ["logoutUrl"]}
    sample = {"logoutUrl": "https://id.example.com/realms/itsm/protocol/openid-connect/logout?client_id=itsm-console"}
    return _operation(
        "sign-in", "auth_logout", "Sign out", "Ends the session of this browser, and says where to end the one at the realm.",
        responses={
            "200": _answer("Signed out", "application/json", schema, sample, "Set-Cookie"),
            **refusals(_HEAD | {401, 403, 503, 504}),
        },
        security=[{"session": [], "csrf": []}],
    )  # fmt: skip


def _backchannel() -> Schema:
    token = {**_TEXT, "description": "The logout token of the realm, which is the proof."}
    form = {"type": "object", "properties": {"logout_token": token}, "required": ["logout_token"]}
    content = {
        "application/x-www-form-urlencoded": {"schema": form, "example": {"logout_token": "a token that the realm has signed"}}
    }
    return _operation(
        "sign-in", "auth_backchannel_logout", "The realm says that sessions are over",
        "Ends the sessions that a logout token of the realm names (OpenID Connect Back-Channel Logout 1.0).",
        requestBody={"required": True, "content": content},
        responses={
            "200": {"description": "Ended", "headers": headers()},
            **refusals(_HEAD | {400, 401, 408, 413, 422, 429, 503, 504}),
        },
        security=[],
    )  # fmt: skip


def _document(name: str, summary: str, description: str, **parts: Any) -> Schema:
    schema = {"type": "object", "additionalProperties": True}
    content = {"application/json": {"schema": schema, "example": {name: "3.1.0"}}}
    return _operation(
        "documents",
        f"documents_{name}",
        summary.rstrip("."),
        description,
        parameters=[
            *parts.get("parameters", ()),
            {"$ref": "#/components/parameters/IfNoneMatch"},
            {"$ref": "#/components/parameters/RequestId"},
        ],
        responses={
            "200": {"description": "Done", "headers": headers("ETag", "Server-Timing"), "content": content},
            "304": {"description": "The client has this version already.", "headers": headers("ETag")},
            **refusals(_HEAD | {406, *parts.get("refused", ())}),
        },
        security=[],
    )


def _schema() -> Schema:
    name = {
        "in": "path", "name": "name", "required": True, "description": "The type of the event, or `headers`.",
        "schema": {**_TEXT, "minLength": 1}, "example": "itsm.incident.v1.IncidentOpened",
    }  # fmt: skip
    text = "What `ce_dataschema` of an event leads to: its value as JSON Schema 2020-12."
    return _document("schema", "The JSON Schema of an event", text, parameters=[name], refused={400, 404})


def _page() -> Schema:
    return _operation(
        "documents", "documents_page", "This document as a page for people",
        "Everything of this document as a page, made of files that lie here; without the built console a link to the document.",
        responses={
            "200": _answer("The page", "text/html", _TEXT, "<!doctype html>", "ETag"),
            "304": {"description": "The client has this version already.", "headers": headers("ETag")},
            **refusals(_HEAD),
        },
        security=[],
    )  # fmt: skip
