"""One line of JSON per decision on standard output; the same records colored for people when `ITSM_LOG_FORMAT=text`.

Who, which tenant and which trace are added here, so that a log call gives its message and its own fields alone. People
appear as a hash; what looks like a mail address or a token is blanked, wherever it stands in the record.

Fails: never for what is in a record (what JSON cannot hold is written as its text); a reader of standard output that
stops reading stops the process, as with any program.
"""

import json
import logging
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2s
from typing import Any

import orjson

from chassis import context
from chassis.settings import Settings

_OURS = ("chassis", "services", "stack", "cli", "__main__")
_ROUTED = ("uvicorn", "uvicorn.access", "uvicorn.error", "grpc", "aiokafka", "pymongo", "httpx", "opentelemetry")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_MAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_TOKEN = re.compile(r"eyJ[\w-]{6,}(?:\.[\w-]*){1,4}|(?i:\b(bearer|basic)\s+)[\w.~+/=-]{8,}")
_COLORS = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}


def configure(service: str, settings: Settings, trace: Callable[[], str]) -> None:
    """Routes every logger of the process to standard output. `trace` gives the current `traceparent` or ""."""
    handler = logging.StreamHandler(sys.stdout)
    text = settings.log_format == "text"
    handler.setFormatter(Text(trace, color=sys.stdout.isatty()) if text else Json(service, trace))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in _OURS:
        logging.getLogger(name).setLevel(settings.log_level.upper())
    for name in _ROUTED:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)


class Json(logging.Formatter):
    """Fields: `ts` (UTC), `level`, `logger`, `message`, `service`, what is known of the caller, and `extra`."""

    def __init__(self, service: str, trace: Callable[[], str]) -> None:
        super().__init__()
        self._service = service
        self._trace = trace

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": _blank(record.getMessage()),
            "service": self._service,
            **_about(self._trace()),
        }
        for name, value in _extra(record).items():
            line[f"extra.{name}" if name in line else name] = _plain(value)
        if record.exc_info:
            line["exception"] = _blank(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = _blank(record.stack_info)
        try:
            return orjson.dumps(line).decode()
        except TypeError:  # a lone surrogate or an integer beyond 64 bits: rare, and no reason to lose the line
            return json.dumps(line, default=str)


class Text(logging.Formatter):
    """`12:03:04.567 INFO chassis.service: Service started. address=…`, for a person at a terminal."""

    def __init__(self, trace: Callable[[], str], *, color: bool) -> None:
        super().__init__()
        self._trace = trace
        self._color = color

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, and its traceback below."""
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        level = f"\033[{_COLORS.get(record.levelname, '0')}m{record.levelname}\033[0m" if self._color else record.levelname
        fields = {name: _plain(value) for name, value in _extra(record).items()} | _about(self._trace())
        parts = [time, level, f"{record.name}:", _blank(record.getMessage()), *(f"{k}={v}" for k, v in fields.items())]
        lines = [" ".join(parts)]
        if record.exc_info:
            lines.append(_blank(self.formatException(record.exc_info)))
        return "\n".join(lines)


def _about(trace: str) -> dict[str, str]:
    about = {"trace_id": trace[3:35], "span_id": trace[36:52]} if trace else {}
    caller = context.current_or_none()
    if caller is not None:
        about["tenant"] = caller.tenant
        about["principal"] = principal_hash(caller.actor.id)
        if caller.request_id:
            # It begins with who asked, so that nobody is answered from another's key.
            about["request_id"] = caller.request_id.replace(caller.actor.id, about["principal"])
    return about


@lru_cache(maxsize=4096)
def principal_hash(subject: str) -> str:
    """The same for one subject in all processes, so that one person's lines can be found without saying who it is."""
    return blake2s(subject.encode(errors="replace"), digest_size=8, person=b"itsm-log").hexdigest()


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {_blank(str(name)): _plain(item) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
        case _:
            return _blank(str(value))


def _blank(text: str) -> str:
    if "@" in text:
        text = _MAIL.sub("[mail]", text)
    if "eyJ" in text or "earer" in text or "asic" in text:
        text = _TOKEN.sub("[token]", text)
    return text
