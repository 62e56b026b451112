"""What clients did, written down before and after each request, so that a checker can judge what is left of it.

Every operation has a nonce of its own, sent as `X-Request-Id`: the platform keeps it in the change row as correlation id,
so each row can be led back to the operation that made it. An outcome is `ok`, `fail` only for a definite refusal (4xx), and
`info` for everything that may or may not have happened: 5xx, a time-out, a reset, a process that died.
"""

import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO
from uuid import uuid4

import httpx


class Outcome(StrEnum):
    """What is known of an operation."""

    OK = "ok"
    FAIL = "fail"
    INFO = "info"


@dataclass(slots=True, kw_only=True)
class Operation:
    """One write of one client.

    `subject` is the record that an `ok` answer names or that was written to (`incidents/inc_…`), `based_on` the version
    that the client decided on (0: any), `version` the one that it was told of (0: none was).
    """

    nonce: str
    kind: str
    subject: str = ""
    based_on: int = 0
    value: str = ""
    outcome: Outcome = Outcome.INFO
    status: int = 0
    version: int = 0
    answer: dict[str, Any] = field(default_factory=dict)


Send = Callable[[str], Awaitable[httpx.Response]]
"""Sends a request with the given nonce."""


class Recorder:
    """The history of a run, in memory and, line by line, in `file` where one is given: it survives the run's own death."""

    def __init__(self, file: Path | None = None) -> None:
        self.operations: list[Operation] = []
        self._out: TextIO | None = file.open("a") if file else None

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def count(self, outcome: Outcome) -> int:
        """How many operations ended so."""
        return sum(1 for operation in self.operations if operation.outcome is outcome)

    async def run(
        self, kind: str, send: Send, *, subject: str = "", based_on: int = 0, value: str = "", plural: str = "incidents"
    ) -> Operation:
        """Sends one operation and records what became of it. `plural` is the kind of record that the answer shows."""
        operation = Operation(nonce=f"op-{uuid4().hex}", kind=kind, subject=subject, based_on=based_on, value=value)
        self.operations.append(operation)
        self._write("invoke", operation)
        await self._send(operation, send, plural)
        return operation

    async def again(self, operation: Operation, send: Send, *, plural: str = "incidents") -> None:
        """Repeats an operation of unknown outcome under its nonce: for those that carry an idempotency key."""
        self._write("invoke", operation)
        await self._send(operation, send, plural)

    async def _send(self, operation: Operation, send: Send, plural: str) -> None:
        try:
            response = await send(operation.nonce)
        except httpx.TransportError as error:
            operation.answer = {"error": repr(error)}
        else:
            operation.status = response.status_code
            operation.outcome = outcome_of(response.status_code)
            if operation.outcome is Outcome.OK:
                body = response.json()
                operation.answer = body.get("token", body)  # a token comes with its secret beside it
                operation.subject = f"{plural}/{operation.answer['id']}"
                operation.version = int(operation.answer["etag"])
            else:
                operation.answer = {"problem": response.text[:500]}
        self._write("done", operation)

    def _write(self, step: str, operation: Operation) -> None:
        if self._out is None:
            return
        entry: dict[str, Any] = {"step": step, "nonce": operation.nonce, "kind": operation.kind, "subject": operation.subject}
        if step == "done":
            entry |= {"outcome": operation.outcome, "status": operation.status, "version": operation.version}
        self._out.write(json.dumps(entry) + "\n")
        self._out.flush()

    def close(self) -> None:
        """Ends the file."""
        if self._out is not None:
            self._out.close()


def outcome_of(status: int) -> Outcome:
    """`fail` means that nothing can have happened; whatever leaves room for doubt is `info`."""
    if 200 <= status < 300:
        return Outcome.OK
    return Outcome.FAIL if 400 <= status < 500 and status != httpx.codes.REQUEST_TIMEOUT else Outcome.INFO


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A change row. `by_client` tells rows that a person's request made from those of timers and consumers."""

    id: str
    subject: str
    version: int
    nonce: str
    by_client: bool = True
    pending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A Kafka record, where it lies and what it says of itself."""

    id: str
    subject: str
    version: int
    partition: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A record as the API shows it at the end. `values` holds every value that a client may look for."""

    version: int
    values: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class Final:
    """The quiescent state after healing and draining.

    `by_id` and `listed` are the records by subject, read one by one and from lists; `stored` their versions in the
    database; `projections` pairs each derived value with what a recomputation from the distinct events gives.
    """

    by_id: dict[str, Shown]
    listed: dict[str, Shown]
    stored: dict[str, int]
    rows: list[Row]
    events: list[Event]
    projections: dict[str, tuple[Any, Any]] = field(default_factory=dict)
