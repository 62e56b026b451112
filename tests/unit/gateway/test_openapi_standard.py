"""The OpenAPI document against the standard's own schema."""

import orjson
from openapi_spec_validator import OpenAPIV31SpecValidator

from services.gateway.openapi import document as openapi
from services.gateway.rest.routes import declared
from tests.unit.gateway.conftest import OIDC


def test_the_document_is_openapi() -> None:
    document = orjson.loads(orjson.dumps(openapi.document(declared(), version="1.0.0", oidc_url=OIDC)))
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    untitled = {"openapi": document["openapi"], "info": {"version": "1.0.0"}, "paths": {}}
    (fault,) = [error.message for error in OpenAPIV31SpecValidator(untitled).iter_errors()]
    assert "title" in fault.splitlines()[0]
    assert "is a required property" in fault.splitlines()[0]
