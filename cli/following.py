"""The live stream as a client reads it: event by event, over as many connections as it takes, from where it was.

Fails: `Problem` when the platform refuses for good; `CliError` when it has not answered for `PATIENCE` seconds.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cli.client import AGAIN, Client
from cli.errors import CliError, Problem

PATH = "/api/v1/stream"
PATIENCE = 60.0
"""Seconds for which a platform that does not answer is asked again."""
_SILENCE = 60.0  # seconds; a stream that lives says so every fifteen
_PAUSE, _LONGEST = 0.25, 4.0

Say = Callable[[str], None]


@dataclass
class Frame:
    """What stands between two empty lines of the stream."""

    id: str = ""
    name: str = ""
    data: str = ""


class Stream:
    """Events of `topics` from `cursor` on, or from now on where it is empty.

    `cursor` moves over an event when `take` says that it is dealt with: whoever stops in between has it again.
    """

    def __init__(self, client: Client, topics: Iterable[str], cursor: str, say: Say) -> None:
        self._client, self._topics, self._say = client, ",".join(topics), say
        self.cursor = self._offered = cursor

    def take(self) -> None:
        """The event that came last is dealt with."""
        self.cursor = self._offered

    def events(self) -> Iterator[dict[str, Any]]:
        """Each event as it comes, for ever."""
        began, pause = time.monotonic(), _PAUSE
        while True:
            try:
                for event in self._one_connection():
                    yield event
                    began, pause = time.monotonic(), _PAUSE
            except Problem as problem:
                if problem.status not in AGAIN or time.monotonic() - began > PATIENCE:
                    raise
            except CliError:
                if time.monotonic() - began > PATIENCE:
                    raise
                self._say("the stream broke; it goes on where it was")
            else:
                began = time.monotonic()
            time.sleep(pause)
            pause = min(_LONGEST, pause * 2)

    def _one_connection(self) -> Iterator[dict[str, Any]]:
        query = {"topics": self._topics} if self._topics else {}
        headers = {"accept": "text/event-stream"} | ({"last-event-id": self.cursor} if self.cursor else {})
        with self._client.lines(PATH, query=query, headers=headers, timeout=_SILENCE) as lines:
            for frame in frames(lines):
                if frame.name == "reset":
                    self._say("some events were missed: they are older than what the stream keeps")
                elif frame.data and frame.name not in ("reauth", "rights"):
                    self._offered = frame.id or self._offered
                    yield json.loads(frame.data)
                    continue
                self.cursor = self._offered = frame.id or self.cursor


def frames(lines: Iterable[str]) -> Iterator[Frame]:
    """The lines of a stream of events as frames; what is cut off at the end is none."""
    frame = Frame()
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            yield frame
            frame = Frame()
        elif name == "id":
            frame.id = value
        elif name == "event":
            frame.name = value
        elif name == "data":
            frame.data += value
