"""What can go wrong, each with the exit code that a script sees. The codes are stable.

    CliError            1    the platform cannot be reached, or something went wrong
    ├── SignInNeeded    6    not signed in, or the token is not taken
    └── Problem         by status: 401 → 6, 403 and 400, 413, 422, 428 → 4, 409 and 412 → 7, 404 and 410 → 8, else 1

Wrong usage is 2 and Ctrl-C 130; 5 is kept for frozen changes.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """How the program ends."""

    OK = 0
    ERROR = 1
    USAGE = 2
    PENDING = 3
    REFUSED = 4
    FROZEN = 5
    AUTH = 6
    CONFLICT = 7
    NOT_FOUND = 8
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.ERROR: "something went wrong, or a part of the work did",
    ExitCode.USAGE: "the command line is not right",
    ExitCode.PENDING: "not decided yet",
    ExitCode.REFUSED: "the platform refused: not allowed, or not valid",
    ExitCode.FROZEN: "a freeze is in force",
    ExitCode.AUTH: "not signed in, the token is not taken, or the sign-in proves too little",
    ExitCode.CONFLICT: "the state or version of the record does not allow it",
    ExitCode.NOT_FOUND: "there is no such thing, or not for you",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C",
}

_BY_STATUS = {
    400: ExitCode.REFUSED,
    401: ExitCode.AUTH,
    403: ExitCode.REFUSED,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
    410: ExitCode.NOT_FOUND,
    412: ExitCode.CONFLICT,
    413: ExitCode.REFUSED,
    422: ExitCode.REFUSED,
    428: ExitCode.REFUSED,
}


class CliError(Exception):
    """A failure with a message for a person; `hint` says what to do about it."""

    code = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SignInNeeded(CliError):
    """There is no token for this address, or it is not taken any more."""

    code = ExitCode.AUTH

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="sign in with: itsm login --url URL --token   (or --device)")


class Problem(CliError):
    """An answer that is no success. `document` is the problem document; members that it lacks read as empty."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        title = _text(document, "title") or f"the platform answered {status}"
        self.status = status
        self.detail = _text(document, "detail")
        self.reason = _text(document, "reason")
        super().__init__(title, hint=_proof_hint(document) if self.reason == PROOF else _HINTS.get(status, ""))
        self.trace_id = _text(document, "traceId")
        self.request_id = _text(document, "requestId")
        self.errors = _errors(document)
        self.code = _BY_STATUS.get(status, ExitCode.ERROR)

    def in_one_line(self) -> str:
        """The detail where there is one, the title otherwise."""
        return self.detail or self.message


PROOF = "INSUFFICIENT_USER_AUTHENTICATION"
"""The reason of a refusal that a stronger, or a later, sign-in lifts (RFC 9470)."""

_DEVICE_LEVEL = "urn:itsm:loa:1"  # the realm passes no level through the device flow, so this is all that it reaches

_HINTS = {
    401: "sign in with: itsm login --url URL --token   (or --device)",
    412: "somebody changed it in between; look at it again",
    503: "try again in a moment",
}


def _proof_hint(document: Mapping[str, Any]) -> str:
    """How the asked level is reached from here."""
    if _DEVICE_LEVEL in _text(document, "acrValues").split():
        return "sign in once more: itsm login --url URL --device"
    return (
        "a sign-in by device cannot prove this: open URL/auth/login?stepUp=true in a browser, make a personal access token "
        "in that session, and sign in with it: itsm login --url URL --token"
    )


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _errors(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pairs of JSON pointer and message; what has another form comes from no gateway of ours and is passed over."""
    errors = document.get("errors")
    entries = [entry for entry in errors if isinstance(entry, dict)] if isinstance(errors, list) else []
    return [(_text(entry, "pointer"), _text(entry, "message")) for entry in entries]
