"""Requests made up from the OpenAPI document by Schemathesis, sent as several callers, each answer held to the document.

Nothing is left to chance: the seed is fixed. Half of the requests that name a record name one that is there.
"""

import asyncio
import re
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.failures import FailureGroup

LEFT_OUT = {
    "stream_open": "it never ends; tests/e2e/test_stream.py has it",
    "kpis_rebuild": "it makes the figures of all tenants again",
    "services_replays_create": "it concerns the consumers of all tenants",
}
"""Operations that are not asked, and why."""

NAMES = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance",
)  # fmt: skip
_SEED = 20261123
_WORKING = (
    "checks", "alertRules", "webhooks", "notificationRules", "chatRooms", "pushSubscriptions", "connections", "directories",
    "mailboxes",
)  # fmt: skip
_RENEWED_SECONDS = 25.0
_PATIENCE = 30.0
_BUSY = frozenset({429, 503})
_TRIES = 5
_INSIDE = re.compile(r'Traceback \(most recent call last\)|File "[^"]+\.py", line \d+')

Token = Callable[[str], Awaitable[str]]
"""A token that lives for a minute, for somebody who has this role."""


@dataclass
class Found:
    """What came of it: answers by status, and each distinct fault with the first request that showed it."""

    answers: Counter[int] = field(default_factory=Counter)
    created: set[str] = field(default_factory=set)
    faults: dict[str, str] = field(default_factory=dict)

    def told(self) -> str:
        """The faults, for a person."""
        return "\n\n".join(f"{name}\n{text}" for name, text in self.faults.items())


class Fuzzer:
    """One run against one gateway. `positive` and `negative` are how many requests an operation gets that obey the document and
    that do not."""

    def __init__(self, document: dict[str, Any], url: str, token: Token, *, positive: int, negative: int) -> None:
        self._url, self._token = url, token
        self._counts = {GenerationMode.POSITIVE: positive, GenerationMode.NEGATIVE: negative}
        self._schema = schemathesis.openapi.from_dict(document)
        self._known: Mapping[str, list[str]] = defaultdict(list)
        self._session = requests.Session()
        self._session.trust_env = False
        self._checks = [CHECKS.get_one(name) for name in NAMES]
        self.found = Found()

    async def run(self, roles: tuple[str, ...]) -> Found:
        """Asks every operation as each of these."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            operations = [result.ok() for result in self._schema.get_all_operations()]
            operations.sort(key=_turn)
            tokens, renewed = {}, -_RENEWED_SECONDS
            for operation in operations:
                if operation.definition.raw["operationId"] in LEFT_OUT:
                    continue
                if time.monotonic() - renewed > _RENEWED_SECONDS:
                    tokens = {role: await self._token(role) for role in roles}
                    renewed = time.monotonic()
                await asyncio.to_thread(self._operation, operation, tokens)
        await asyncio.to_thread(self._tidy, await self._token(roles[0]))
        return self.found

    def _tidy(self, token: str) -> None:
        """Ends what would go on working."""
        headers = {"authorization": f"Bearer {token}", "if-match": "*"}
        for plural in _WORKING:
            for record in self._known[plural]:
                self._session.delete(f"{self._url}/api/v1/{plural}/{record}", headers=headers, timeout=_PATIENCE)

    def _operation(self, operation: Any, tokens: Mapping[str, str]) -> None:
        cases = [*_examples(operation)]
        for mode, count in self._counts.items():
            cases += self._made(operation, mode, count)
        for at, case in enumerate(cases):
            self._aim(case, at)
            for role, token in tokens.items():
                self._ask(operation, case, role, token)

    def _made(self, operation: Any, mode: GenerationMode, count: int) -> list[Case]:
        cases: list[Case] = []

        @seed(_SEED)
        @settings(
            max_examples=count, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
        )
        @given(operation.as_strategy(generation_mode=mode))
        def keep(case: Case) -> None:
            cases.append(case)

        try:
            keep()
        except Unsatisfiable:  # what takes no parameters cannot be asked in a wrong way
            return []
        return cases[:count]

    def _aim(self, case: Case, at: int) -> None:
        """Away from answers that no schema can describe; every second time at a record that is there."""
        shared = {"$ref": "#/components/parameters/Fields"}
        if case.query and shared in case.operation.definition.raw.get("parameters", ()):
            case.query.pop("fields", None)
        known = self._known[_plural(case.operation)]
        if known and at % 2 == 0 and case.path_parameters and "id" in case.path_parameters:
            case.path_parameters["id"] = known[at % len(known)]
            if case.headers and "If-Match" in case.headers:
                case.headers["If-Match"] = "*"

    def _ask(self, operation: Any, case: Case, role: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        for _ in range(_TRIES):
            response = case.call(
                base_url=self._url, session=self._session, headers=headers, timeout=_PATIENCE, allow_redirects=False
            )
            if response.status_code not in _BUSY:
                break
            time.sleep(float(response.headers.get("retry-after", ["1"])[0]))
        self.found.answers[response.status_code] += 1
        name = operation.definition.raw["operationId"]
        told = response.content.decode(errors="replace")
        if _INSIDE.search(told):
            self.found.faults.setdefault(f"{name}: tells of the inside", told[:600])
        try:
            case.validate_response(response, checks=self._checks, headers=headers)
        except FailureGroup as group:
            for failure in group.exceptions:
                text = f"{failure}\n{case.as_curl_command(headers={'X-Role': role})}\n{response.status_code} {told[:600]}"
                self.found.faults.setdefault(f"{name}: {failure.title}: {failure.message[:200]}", text)
        self._learn(operation, response)

    def _learn(self, operation: Any, response: Any) -> None:
        if response.status_code not in (200, 201) or "json" not in response.headers.get("content-type", [""])[0]:
            return
        told, plural = response.json(), _plural(operation)
        if not isinstance(told, dict):
            return
        if response.status_code == requests.codes.created:
            self.found.created.add(operation.definition.raw["operationId"])
        for record in (told, *told.get(plural, ())):
            if isinstance(record, dict) and isinstance(record.get("id"), str) and len(self._known[plural]) < 20:
                self._known[plural].append(record["id"])


def _examples(operation: Any) -> Iterator[Case]:
    """The request that the document shows."""
    body = operation.definition.raw.get("requestBody")
    if body is None:
        return
    for media, content in body["content"].items():
        for each in content.get("examples", {}).values():
            shown = operation.schema.raw_schema["components"]["examples"][each["$ref"].rpartition("/")[2]]
            parameters = {
                one["name"]: one.get("example", "1")
                for one in operation.definition.raw["parameters"]
                if "name" in one and one["in"] == "path"
            }
            # Whoever shows a change means the record as it is.
            wanted = {"$ref": "#/components/parameters/IfMatch"} in operation.definition.raw["parameters"]
            headers = {"If-Match": "*"} if wanted else {}
            yield operation.Case(body=shown["value"], media_type=media, path_parameters=parameters, headers=headers)


def _plural(operation: Any) -> str:
    return str(operation.path).removeprefix("/api/v1/").split("/")[0].partition(":")[0]


def _turn(operation: Any) -> tuple[int, str]:
    """What makes records comes first, what ends them last."""
    name: str = operation.definition.raw["operationId"]
    last = name.endswith(("_delete", "_revoke", "_expire", "_disable", "_discard", "_merge"))
    return (0 if name.endswith("_create") else 2 if last else 1), name
