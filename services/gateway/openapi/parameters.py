"""Parameters that many operations have, and how callers prove who they are, for the OpenAPI document."""

from typing import Any

from services.gateway.openapi.answers import ENTITY_TAG
from services.gateway.signin.credentials import COOKIE

Schema = dict[str, Any]

_KEY = {"type": "string", "minLength": 1, "maxLength": 257, "pattern": r'^("[\x21\x23-\x7e]+"|[\x21\x23-\x7e]+)$'}
_KEY_SAMPLE = "018f0e0a-7b1c-7c3d-8e4f-5a6b7c8d9e0f"


def _parameter(name: str, place: str, description: str, schema: Schema, example: Any, *, required: bool = False) -> Schema:
    must = {"required": True} if required else {}
    return {"name": name, "in": place, "description": description, **must, "schema": schema, "example": example}


PARAMETERS: dict[str, Schema] = {
    "RequestId": _parameter(
        "X-Request-Id", "header", "Names the request in logs and answers; made when absent.",
        {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"}, "018f0e0a-7b1c-7c3d-8e4f-5a6b7c8d9e0f",
    ),
    "IfMatch": _parameter(
        "If-Match", "header", "The version that this is about, or `*` for any.", ENTITY_TAG, '"3"', required=True
    ),
    "IfMatchOptional": _parameter(
        "If-Match", "header", "The version that this is about; any when absent.", ENTITY_TAG, '"3"'
    ),
    "IfNoneMatch": _parameter(
        "If-None-Match", "header", "The versions that the client has; 304 when it is still one of these.",
        {"type": "string"}, '"3"'
    ),
    "IdempotencyKey": _parameter(
        "Idempotency-Key", "header",
        "The same request with the same key is done once and answered again, for 24 hours. Without a key a request that was "
        "sent twice is done twice.",
        _KEY, _KEY_SAMPLE,
    ),
    "IdempotencyKeyRequired": _parameter(
        "Idempotency-Key", "header",
        "The same request with the same key is done once and answered again, for 24 hours. Of a batch the keys of its "
        "operations follow from it.",
        _KEY, _KEY_SAMPLE, required=True,
    ),
    "Fields": _parameter(
        "fields", "query",
        "Names of fields, with commas between them: the answer, or each record of it, has no others. What the schema of the "
        "answer requires is then there only if it is named, so read such an answer without the types of a generated client.",
        {"type": "string", "minLength": 1}, "id",
    ),
    "DryRun": _parameter(
        "dryRun", "query", "Answers with what would be, checked as if it were done, and changes nothing.",
        {"type": "boolean", "default": False}, True,
    ),
    "Tenant": _parameter(
        "X-ITSM-Tenant", "header", "In which tenant, for callers who are known in several; their own when absent.",
        {"type": "string", "minLength": 1, "maxLength": 63}, "main",
    ),
}  # fmt: skip

_TEXT = "A personal access token, or an access token of the realm."
_COOKIE = "The session of a browser that signed in at `/auth/login`; counts only without `Authorization`. No page can read it."
_CSRF = "Any value. Goes with every write by cookie, which must come from our own origin; pages of others cannot send it."


def schemes(oidc_url: str) -> dict[str, Schema]:
    """The security schemes; `oidc_url` is where the realm describes itself."""
    flow = (
        "Sign-in of people at the realm: authorization code with PKCE (S256), without a secret, in the browser; programs "
        "without one use the device flow. `/auth/config` names realm and client. The access token goes into `Authorization`."
    )
    return {
        "bearer": {"type": "http", "scheme": "bearer", "description": _TEXT},
        "oidc": {"type": "openIdConnect", "openIdConnectUrl": oidc_url, "description": flow},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": _COOKIE},
        "csrf": {"type": "apiKey", "in": "header", "name": "X-ITSM-CSRF", "description": _CSRF},
    }


def security(scopes: list[str], *, writes: bool) -> list[Schema]:
    """The ways to prove who is calling, any of which will do; `scopes` are permissions."""
    cookie: Schema = {"session": scopes, **({"csrf": []} if writes else {})}
    return [{"bearer": scopes}, {"oidc": scopes}, cookie]
