"""Sending an import: incidents in chunks, two in flight, each chunk tried again as a whole and halved where it is refused.

What was sent twice is answered with UNCHANGED, so an interrupted import is simply started again.

Fails: the first `CliError` that is not about a single chunk (not signed in, no answer) ends the import.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from cli.client import Answer
from cli.errors import CliError, Problem
from cli.output import dumps
from cli.servicenow import Imported, Refusal

MAX_INCIDENTS = 50
MAX_BYTES = 900 * 1024
"""Of a chunk; the gateway takes 1 MiB."""
IN_FLIGHT = 2

PATH = "/api/v1/incidents:import"
_LOOK_UP = 0.5  # seconds
_ABOUT_THE_CHUNK = frozenset({400, 413, 422})

Send = Callable[..., Answer]


@dataclass(slots=True)
class Summary:
    """What became of an import. `rows` counts the rows of the log, `refused` names what was left out."""

    rows: int
    created: int = 0
    unchanged: int = 0
    refused: list[Refusal] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As it is printed in a pipe."""
        return {
            "created": self.created,
            "unchanged": self.unchanged,
            "refused": [refusal.document() for refusal in self.refused],
            "rows": self.rows,
        }


class Told(Protocol):
    """An incident of another system, as the message that it is sent as."""

    @property
    def message(self) -> dict[str, Any]: ...


T = TypeVar("T", bound=Told)


@dataclass(frozen=True, slots=True)
class Chunk(Generic[T]):
    """Incidents that travel together; `bodies` are their JSON."""

    incidents: list[T]
    bodies: list[str]

    def content(self, source: str) -> bytes:
        """The body of the request."""
        return f'{{"source":{dumps(source)},"incidents":[{",".join(self.bodies)}]}}'.encode()

    def halves(self) -> Iterator["Chunk[T]"]:
        """The two halves of it."""
        middle = len(self.incidents) // 2
        yield Chunk(self.incidents[:middle], self.bodies[:middle])
        yield Chunk(self.incidents[middle:], self.bodies[middle:])


def chunks(incidents: Iterable[T]) -> Iterator[Chunk[T]]:
    """At most 50 incidents and 900 KiB each; an incident that is larger travels alone."""
    chunk: Chunk[T] = Chunk([], [])
    size = 0
    for incident in incidents:
        body = dumps(incident.message)
        length = len(body.encode()) + 1
        if chunk.incidents and (len(chunk.incidents) == MAX_INCIDENTS or size + length > MAX_BYTES - 200):
            yield chunk
            chunk, size = Chunk([], []), 0
        chunk.incidents.append(incident)
        chunk.bodies.append(body)
        size += length
    if chunk.incidents:
        yield chunk


def send_all(send: Send, source: str, incidents: Iterable[Imported], summary: Summary, done: Callable[[int], None]) -> None:
    """Sends them, counting into `summary`; `done` hears the rows of each chunk that is through."""
    for results in sent(send, source, incidents):
        for incident, result in results:
            _count(summary, incident, result)
        done(sum(incident.rows for incident, _ in results))


def sent(send: Send, source: str, incidents: Iterable[T], *, dry_run: bool = False) -> Iterator[list[tuple[T, dict[str, Any]]]]:
    """Sends them and tells what became of each, chunk by chunk, in whatever order they are through."""
    over = threading.Event()
    running: set[Future[list[tuple[T, dict[str, Any]]]]] = set()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        try:
            for chunk in chunks(incidents):
                if len(running) >= IN_FLIGHT:
                    finished, running = _some(running)
                    for future in finished:
                        yield future.result()
                running.add(pool.submit(_send, send, source, chunk, over, dry_run))
            while running:
                finished, running = _some(running)
                for future in finished:
                    yield future.result()
        finally:
            over.set()  # whatever ended this, what is still in flight makes no further attempt


def _some(running: set[Future[Any]]) -> tuple[set[Future[Any]], set[Future[Any]]]:
    """Those that are through, at least one, and the rest."""
    finished: set[Future[Any]] = set()
    while not finished:
        # Not without end: a Ctrl-C that comes right before such a wait would be noticed only after it.
        finished, running = wait(running, timeout=_LOOK_UP, return_when=FIRST_COMPLETED)
    return finished, running


def _send(send: Send, source: str, chunk: Chunk[T], over: threading.Event, dry_run: bool) -> list[tuple[T, dict[str, Any]]]:
    if over.is_set():
        raise CliError("stopped")
    query = {"dryRun": "true"} if dry_run else None
    try:
        answer = send("POST", PATH, query=query, content=chunk.content(source), over=over)
    except Problem as problem:
        if problem.status not in _ABOUT_THE_CHUNK:
            raise
        if len(chunk.incidents) > 1:
            return [each for half in chunk.halves() for each in _send(send, source, half, over, dry_run)]
        return [(chunk.incidents[0], {"outcome": "REFUSED", "message": problem.in_one_line()})]
    results = answer.data.get("results", []) if isinstance(answer.data, dict) else []
    if len(results) != len(chunk.incidents):
        raise CliError(f"the platform told {len(results)} results for {len(chunk.incidents)} incidents")
    return list(zip(chunk.incidents, results, strict=True))


def _count(summary: Summary, incident: Imported, result: dict[str, Any]) -> None:
    outcome = result.get("outcome")
    if outcome == "CREATED":
        summary.created += 1
    elif outcome == "UNCHANGED":
        summary.unchanged += 1
    else:
        summary.refused.append(Refusal(incident.line, incident.number, str(result.get("message") or f"answered {outcome}")))
