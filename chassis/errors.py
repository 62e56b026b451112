"""The one tree of errors, and its only mapping to the wire.

    Error
    ├── Invalid              INVALID_ARGUMENT     422 (400 when it could not even be parsed)
    ├── Unauthenticated      UNAUTHENTICATED      401
    ├── Denied               PERMISSION_DENIED    403
    ├── NotFound             NOT_FOUND            404
    ├── AlreadyExists        ALREADY_EXISTS       409
    ├── ForbiddenMove        FAILED_PRECONDITION  409
    ├── Stale                ABORTED              412 with If-Match, else 409
    ├── Exhausted            RESOURCE_EXHAUSTED   429
    ├── Unavailable          UNAVAILABLE          503
    │   └── Busy             (re-run by the edge; UNAVAILABLE when the bound is reached)
    ├── DeadlinePassed       DEADLINE_EXCEEDED    504
    └── Internal             INTERNAL             500, details only in the log

Domain code raises them and knows no codes; the RPC edge turns them into `google.rpc.Status`; clients turn that back.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

# gRPC sends an error in headers, 8 KiB together: the message percent-encoded (up to thrice its size) and again in the details.
_MESSAGE_BYTES, _FACT_BYTES, _VIOLATION_BYTES = 1000, 500, 2000

STATUS_KEY = "grpc-status-details-bin"
DOMAIN = "itsm"


class Error(Exception):
    """Base of everything that a caller may be told. `reason` is a stable word for programs, the message is for people."""

    code: ClassVar[int] = code_pb2.INTERNAL
    reason: str = "INTERNAL"

    def __init__(self, message: str, *, reason: str | None = None, **facts: str) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts
        if reason is not None:
            self.reason = reason


class Invalid(Error):
    """Input that is well-formed but wrong. `violations` maps a field path (`notes[2].text`) to what would be right.

    With `reason="MALFORMED"` the input could not be read at all (REST answers 400 instead of 422).
    """

    code = code_pb2.INVALID_ARGUMENT
    reason = "INVALID"

    def __init__(self, violations: Mapping[str, str], *, reason: str | None = None) -> None:
        super().__init__("; ".join(f"{field}: {text}" for field, text in violations.items()), reason=reason)
        self.violations = dict(violations)


class Unauthenticated(Error):
    """No usable proof of who is calling."""

    code = code_pb2.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class Denied(Error):
    """The caller is known and may not do this. `facts["permission"]` names what is missing."""

    code = code_pb2.PERMISSION_DENIED
    reason = "PERMISSION_MISSING"

    def __init__(self, permission: str, message: str | None = None) -> None:
        super().__init__(message or f"this needs the permission {permission}", permission=permission)


class NotFound(Error):
    """No such thing for this caller; what the caller may not see answers the same."""

    code = code_pb2.NOT_FOUND
    reason = "NOT_FOUND"

    def __init__(self, kind: str, id: str) -> None:  # noqa: A002 - the field's name on the wire
        super().__init__(f"there is no {kind} {id}", kind=kind, id=id)


class AlreadyExists(Error):
    """Something unique is taken. `facts["id"]` names the holder where the caller may know it."""

    code = code_pb2.ALREADY_EXISTS
    reason = "ALREADY_EXISTS"

    def __init__(self, kind: str, id: str, message: str | None = None) -> None:  # noqa: A002 - as above
        super().__init__(message or f"this {kind} exists already: {id}", kind=kind, id=id)


class ForbiddenMove(Error):
    """A rule says no: the state does not allow the verb, or a guard is not met."""

    code = code_pb2.FAILED_PRECONDITION
    reason = "FORBIDDEN_MOVE"

    def __init__(self, state: str, verb: str, message: str | None = None) -> None:
        super().__init__(message or f"{verb} is not possible in the state {state}", state=state, verb=verb)


class Stale(Error):
    """The caller decided on an older version. `facts["etag"]` is the current one."""

    code = code_pb2.ABORTED
    reason = "STALE"

    def __init__(self, etag: str, *, given: str = "") -> None:
        super().__init__(f"the record has changed since version {given or 'given'}; it is at {etag}", etag=etag, given=given)


class Exhausted(Error):
    """A limit is reached; try again after `retry_after`."""

    code = code_pb2.RESOURCE_EXHAUSTED
    reason = "EXHAUSTED"

    def __init__(self, message: str, retry_after: timedelta, *, reason: str | None = None) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class Unavailable(Error):
    """Something that is needed does not answer now. Nothing is known to have changed."""

    code = code_pb2.UNAVAILABLE
    reason = "UNAVAILABLE"

    def __init__(self, message: str, retry_after: timedelta = timedelta(seconds=1), *, reason: str | None = None) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class Busy(Unavailable):
    """Two writers met; the loser may simply run again. The edges do so, up to a bound."""

    reason = "BUSY"


class DeadlinePassed(Error):
    """The time that the caller gave is over."""

    code = code_pb2.DEADLINE_EXCEEDED
    reason = "DEADLINE"


class Internal(Error):
    """A defect of ours. The message holds an id to find it in the log, nothing else."""


_BY_CODE: dict[int, type[Error]] = {
    kind.code: kind
    for kind in (
        Unauthenticated, Denied, NotFound, AlreadyExists, ForbiddenMove, Stale, Exhausted, Unavailable, DeadlinePassed, Internal
    )
}  # fmt: skip


def to_status(error: Error) -> status_pb2.Status:
    """The error as `google.rpc.Status` with `ErrorInfo` (AIP-193) and the details that its kind carries.

    What repeats a long input is cut: above what a header may hold, the caller would be told of something else.
    """
    status = status_pb2.Status(code=error.code, message=_cut(error.message, _MESSAGE_BYTES))
    facts = {name: _cut(text, _FACT_BYTES) for name, text in error.facts.items()}
    _pack(status, error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=facts))
    if isinstance(error, Invalid):
        _pack(status, _violations(error.violations))
    if isinstance(error, Exhausted | Unavailable):
        delay = duration_pb2.Duration()
        delay.FromTimedelta(error.retry_after)
        _pack(status, error_details_pb2.RetryInfo(retry_delay=delay))
    return status


def _violations(violations: Mapping[str, str]) -> error_details_pb2.BadRequest:
    told = error_details_pb2.BadRequest()
    for field, text in violations.items():
        entry = told.field_violations.add(field=_cut(field, _FACT_BYTES), description=_cut(text, _FACT_BYTES))
        if told.ByteSize() > _VIOLATION_BYTES:
            entry.field = ""
            entry.description = f"and {len(violations) - len(told.field_violations) + 1} more like these"
            break
    return told


def _cut(text: str, most: int) -> str:
    encoded = text.encode(errors="replace")
    return text if len(encoded) <= most else encoded[: most - 3].decode(errors="ignore") + "…"


def from_status(status: status_pb2.Status) -> Error:
    """The error that `to_status` was given, as far as the wire can carry it; unknown codes become `Internal`."""
    info, violations, retry_after = error_details_pb2.ErrorInfo(), {}, timedelta(seconds=1)
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            detail.Unpack(info)
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest()
            detail.Unpack(bad)
            violations = {violation.field: violation.description for violation in bad.field_violations}
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            detail.Unpack(retry)
            retry_after = retry.retry_delay.ToTimedelta()
    reason = info.reason or None
    if status.code == code_pb2.INVALID_ARGUMENT:
        return Invalid(violations or {"": status.message}, reason=reason)
    kind = _BY_CODE.get(status.code, Internal)
    error = kind.__new__(kind)
    Error.__init__(error, status.message, reason=reason, **dict(info.metadata))
    if isinstance(error, Exhausted | Unavailable):
        error.retry_after = retry_after
    return error


def from_rpc(failure: grpc.aio.AioRpcError) -> Error:
    """What a failed call means. A failure below our own code (refused connection, deadline) maps by its gRPC code alone:
    what gRPC says of it names addresses, which are for the log."""
    for key, value in failure.trailing_metadata() or ():
        if key == STATUS_KEY:
            return from_status(status_pb2.Status.FromString(value))
    code = failure.code().value[0]
    if code == code_pb2.CANCELLED:
        code = code_pb2.DEADLINE_EXCEEDED
    if code == code_pb2.DEADLINE_EXCEEDED:
        return DeadlinePassed("the time given for this call is over")
    if code == code_pb2.UNAVAILABLE:
        return Unavailable("a service that this needs does not answer")
    return from_status(status_pb2.Status(code=code, message=f"the call failed with {failure.code().name}"))


def _pack(
    status: status_pb2.Status,
    detail: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo,
) -> None:
    packed = any_pb2.Any()
    packed.Pack(detail)
    status.details.append(packed)
