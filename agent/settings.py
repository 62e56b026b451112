"""What the agent is told: options of the command line, else variables `ITSM_AGENT_…`, else defaults."""

import argparse
import ipaddress
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "ITSM_AGENT_"
SHORTEST_METRICS, LONGEST_METRICS = 15, 60


class Misconfigured(Exception):
    """A setting is missing or wrong; the message names it and says what would be right."""


def _address(text: str) -> str:
    return text.rstrip("/")


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _flag(text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise ValueError(text)
    return text.lower() == "yes"


def _state() -> Path:
    return Path(r"C:\ProgramData\itsm-agent" if sys.platform == "win32" else "/var/lib/itsm-agent")


def _said(meaning: str, read: Callable[[str], Any]) -> dict[str, Any]:
    return {"meaning": meaning, "read": read}


@dataclass(frozen=True, slots=True)
class Settings:
    """One run. Intervals are in seconds."""

    server: str = field(default="", metadata=_said("address of the platform, as in https://itsm.example.com", _address))
    ingest: str = field(default="", metadata=_said("address that takes metrics; the platform's when not said", _address))
    key_file: Path | None = field(
        default=None, metadata=_said("file with an enrollment key; needed once, and again after a revocation", _path)
    )
    state: Path = field(default_factory=_state, metadata=_said("folder of the agent's identity and buffer", _path))
    name: str = field(default="", metadata=_said("what the agent is called; the host's name when not said", str))
    ca_file: Path | None = field(default=None, metadata=_said("certificates to trust instead of the system's", _path))
    plain_http: bool = field(
        default=False, metadata=_said("yes allows http:// to other machines: keys then travel readable", _flag)
    )
    metrics_interval: float = field(default=30.0, metadata=_said("seconds between two samples of the host, 15 to 60", float))
    inventory_interval: float = field(default=120.0, metadata=_said("seconds between two looks at the inventory", float))
    full_interval: float = field(default=3600.0, metadata=_said("seconds between two reports of everything", float))
    checks_interval: float = field(default=20.0, metadata=_said("seconds between two looks at which checks to run", float))
    combine_seconds: float = field(
        default=30.0, metadata=_said("how long results that are as before may wait for each other", float)
    )
    buffer_megabytes: int = field(default=32, metadata=_said("how much is kept on disk while the platform is away", int))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds an option for each setting."""
    for one in fields(Settings):
        meaning = f"{one.metadata['meaning']} (or {PREFIX}{one.name.upper()})"
        parser.add_argument(_option(one.name), dest=one.name, default="", metavar="…", help=meaning)


def settings(given: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of a run. Raises `Misconfigured`."""
    variables = os.environ if environment is None else environment  # noqa: TID251 - the one place of this program
    values: dict[str, Any] = {}
    for one in fields(Settings):
        text = given.get(one.name) or variables.get(PREFIX + one.name.upper(), "")
        if not text:
            continue
        try:
            values[one.name] = one.metadata["read"](text)
        except ValueError as error:
            raise Misconfigured(f"{_option(one.name)} {text!r} is of the wrong form: {one.metadata['meaning']}") from error
    values.setdefault("ingest", values.get("server", ""))
    made = Settings(**values)
    _require_right(made)
    return made


def _require_right(made: Settings) -> None:
    if not made.server:
        raise Misconfigured(f"say where the platform is: --server or {PREFIX}SERVER")
    for name in ("server", "ingest"):
        text = getattr(made, name)
        address = urlsplit(text)
        if address.scheme not in ("https", "http") or not address.hostname:
            raise Misconfigured(f"{_option(name)} {text!r} is no address; one is https://itsm.example.com")
        if address.scheme == "http" and not made.plain_http and not _is_loopback(address.hostname):
            raise Misconfigured(f"{_option(name)} {text!r} leads to another machine unencrypted; use https or --plain-http yes")
    if not SHORTEST_METRICS <= made.metrics_interval <= LONGEST_METRICS:
        raise Misconfigured(f"--metrics-interval is {SHORTEST_METRICS} to {LONGEST_METRICS} seconds")
    for name in ("inventory_interval", "full_interval", "checks_interval", "combine_seconds", "buffer_megabytes"):
        if not getattr(made, name) >= 1:
            raise Misconfigured(f"{_option(name)} is at least 1")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
