"""What holds after every attack, whatever was attacked: the universal conditions, U1 to U8.

    async with watched(stack, gateway, secrets=[token], unchanged=versions) as watch:
        watch.saw(await gateway.send("POST", "incidents", ...))

The block ends with the check; each condition that does not hold is named in one `AssertionError`. `gateway` makes the
harmless requests that run beside the attack. `unchanged` reads what refused input must have left as it was; leave it away
where the attack is allowed to write. Bounds of time and memory are those of a slow and busy machine.
"""

import asyncio
import re
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.gateway import Gateway

READY = 30.0  # seconds for readiness; two on a machine of its own
GROWN = 96 << 20  # bytes that a process may have more afterwards; caches of other tests fill up meanwhile
CONTROL = 10.0  # seconds that a harmless request may take beside an attack
_SHARE = 0.25
_START, _MEMORY = "process_start_time_seconds", "process_resident_memory_bytes"
_PAUSE = 0.1
_LEAKS = re.compile(
    r'Traceback \(most recent call last\)|File "[^"]+\.py", line \d+|\b(?:pymongo|motor|aiokafka|grpc\.aio|starlette)\.[a-z_]+'
    r"|mongodb(?:\+srv)?://|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+|BEGIN (?:RSA |EC )?PRIVATE KEY|\$(?:where|expr|match|regex)\b"
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_SECURITY = frozenset({401, 403, 429})
Reader = Callable[[], Awaitable[Any]]


@dataclass
class Watch:
    """What was seen during one attack."""

    stack: dict[str, Any]
    secrets: Sequence[str]
    answers: list[httpx.Response] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    begin: dict[str, int] = field(default_factory=dict)

    def saw(self, answer: httpx.Response) -> httpx.Response:
        """Notes an answer of the attacked platform, and hands it back."""
        self.answers.append(answer)
        return answer

    def all(self, answers: Iterable[httpx.Response]) -> list[httpx.Response]:
        """Notes several."""
        return [self.saw(answer) for answer in answers]

    def problems_of_answers(self) -> list[str]:
        """U2, U3, U8 of what was noted."""
        return [f"{_named(answer)}: {text}" for answer in self.answers for text in self._wrong(answer)]

    def _wrong(self, answer: httpx.Response) -> Iterable[str]:
        text = answer.text + "\n" + "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        if answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
            yield "U2: a defect"
        if leak := _LEAKS.search(text):
            yield f"U3: tells {leak[0][:60]!r}"
        sent = str(answer.request.url) + answer.request.read().decode(errors="replace")
        if told := [place for place, secret in enumerate(self.secrets) if secret in text and secret not in sent]:
            yield f"U3: tells the secrets {told}"
        if answer.status_code >= httpx.codes.BAD_REQUEST and "problem+json" not in answer.headers.get("content-type", ""):
            yield f"is no problem document but {answer.headers.get('content-type')}"
        asked, named = answer.request.headers.get("x-request-id", ""), answer.headers.get("x-request-id", "")
        if not _REQUEST_ID.fullmatch(named) or (_REQUEST_ID.fullmatch(asked) and asked != named):
            yield f"U8: asked as {asked[:40]!r} and answered as {named[:40]!r}"

    def logs(self) -> str:
        """What the processes have written since the watch began."""
        return "".join(_tail(path, self.begin.get(path.name, 0)) for path in _logs(self.stack))


@asynccontextmanager
async def watched(
    stack: dict[str, Any],
    gateway: Gateway,
    *,
    secrets: Sequence[str] = (),
    unchanged: Reader | None = None,
    audited: bool = False,
) -> AsyncIterator[Watch]:
    """Watches the platform through the block, then checks. `audited`: refusals for security must be found in a log (U7)."""
    watch = Watch(stack, secrets)
    watch.begin = {path.name: path.stat().st_size for path in _logs(stack)}
    # Pids of a stack's start say nothing of what other tests have started anew since.
    starts, before = await _told(stack, gateway.http, _START), await _told(stack, gateway.http, _MEMORY)
    state = await unchanged() if unchanged else None
    idle = [await _control(watch, gateway) for _ in range(5)]
    watch.latencies.clear()
    beside = asyncio.create_task(_beside(watch, gateway))
    try:
        yield watch
    finally:
        beside.cancel()
        with suppress(asyncio.CancelledError):
            await beside
    found = [*watch.broken, *watch.problems_of_answers()]
    found += await _readiness(stack, gateway.http)
    if gone := [name for name, start in (await _told(stack, gateway.http, _START)).items() if start != starts.get(name, start)]:
        found.append(f"U1: {gone} died")
    if slow := [took for took in watch.latencies if took > max(CONTROL, 4 * max(idle))]:
        found.append(f"U4: harmless requests took up to {max(slow):.1f} s, {statistics.median(idle):.3f} s without the attack")
    found += await _grown(stack, gateway.http, before)
    if unchanged is not None and (now := await unchanged()) != state:
        found.append(f"U6: refused input has changed {state!r} to {now!r}")
    if audited:
        text = watch.logs()
        ids = {answer.headers.get("x-request-id", "") for answer in watch.answers if answer.status_code in _SECURITY}
        if silent := [each for each in ids if each not in text]:
            found.append(f"U7: no line tells of the refusals {silent[:5]}")
    assert not found, "\n".join(found)


async def _beside(watch: Watch, gateway: Gateway) -> None:
    while True:
        await _control(watch, gateway)
        await asyncio.sleep(_PAUSE)


async def _control(watch: Watch, gateway: Gateway) -> float:
    began = time.perf_counter()
    try:
        answer = await gateway.http.get("/api/v1/incidents", params={"pageSize": 1})
        if answer.status_code != httpx.codes.OK:
            watch.broken.append(f"U4: a harmless request was answered {answer.status_code}")
    except httpx.TransportError as error:
        watch.broken.append(f"U4: a harmless request got no answer: {error!r}")
    took = time.perf_counter() - began
    watch.latencies.append(took)
    return took


async def _readiness(stack: dict[str, Any], http: httpx.AsyncClient) -> list[str]:
    waiting, end = dict(stack["services"]), time.monotonic() + READY
    while waiting and time.monotonic() < end:
        for name, service in list(waiting.items()):
            with suppress(httpx.TransportError):
                if (await http.get(f"{service['management']}/readyz")).status_code == httpx.codes.OK:
                    del waiting[name]
        await asyncio.sleep(_PAUSE if waiting else 0)
    return [f"U1: {name} is not ready after {READY:.0f} s" for name in waiting]


async def _told(stack: dict[str, Any], http: httpx.AsyncClient, metric: str) -> dict[str, float]:
    """What each service says of itself in its metrics."""
    found = {}
    for name, service in stack["services"].items():
        text = (await http.get(f"{service['management']}/metrics")).text
        match = re.search(rf"^{metric} (\S+)$", text, re.MULTILINE)
        if match:
            found[name] = float(match[1])
    return found


async def _grown(stack: dict[str, Any], http: httpx.AsyncClient, before: dict[str, float]) -> list[str]:
    now = await _told(stack, http, _MEMORY)
    return [
        f"U5: {name} has grown from {before[name] / 1e6:.0f} to {now[name] / 1e6:.0f} MB"
        for name in before.keys() & now.keys()
        if now[name] > before[name] + max(GROWN, _SHARE * before[name])
    ]


def _logs(stack: dict[str, Any]) -> list[Path]:
    folder = Path(stack["backing"]["state"]) / "logs"
    return [path for name in stack["services"] if (path := folder / f"{name}.log").exists()]


def _tail(path: Path, begin: int) -> str:
    with path.open("rb") as file:
        file.seek(begin)
        return file.read().decode(errors="replace")


def _named(answer: httpx.Response) -> str:
    return f"{answer.request.method} {str(answer.request.url)[:120]} → {answer.status_code}"
