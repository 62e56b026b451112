"""Asks the gateway from inside the cluster, at a steady rate, and tells how often it failed; one JSON object at the end.

Runs in a pod of the gateway's image and knows nothing of the tests: python loader.py URL TOKEN_FILE RATE SECONDS.
A request that a connection broke is sent once more, as every client does with requests that may be repeated: reads, and writes
with an idempotency key. Only what fails then as well, or is answered with 5xx, counts as an error.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

_WRITES = 5  # every so many requests one creates an incident


class Load:
    """Counts what happened."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.requests = self.repeated = 0
        self.created: list[str] = []
        self.errors: list[str] = []
        self.latencies: list[float] = []

    async def one(self, number: int) -> None:
        """One request; the answer's time includes a repetition."""
        self.requests += 1
        begun = time.monotonic()
        writes = number % _WRITES == 0
        key = uuid4().hex
        for attempt in (1, 2):
            try:
                answer = await (self._write(key) if writes else self._read(number))
                break
            except httpx.TransportError as problem:
                self.repeated += 1
                if attempt == 2:
                    self.errors.append(f"{time.strftime('%H:%M:%S')} {'POST' if writes else 'GET'} {problem!r}"[:200])
                    return
        self.latencies.append(time.monotonic() - begun)
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            self._note(answer, begun)
        elif writes and answer.status_code == httpx.codes.CREATED:
            self.created.append(answer.json()["id"])
        elif answer.status_code >= httpx.codes.BAD_REQUEST:
            self._note(answer, begun)

    def _note(self, answer: httpx.Response, begun: float) -> None:
        asked = f"{answer.request.method} {answer.request.url.path}"
        took = time.monotonic() - begun
        self.errors.append(f"{time.strftime('%H:%M:%S')} {asked} {answer.status_code} after {took:.1f} s {answer.text[:600]}")

    async def _write(self, key: str) -> httpx.Response:
        return await self._http.post("/api/v1/incidents", json={"title": f"load {key}"}, headers={"idempotency-key": key})

    async def _read(self, number: int) -> httpx.Response:
        if self.created and number % 2:
            return await self._http.get(f"/api/v1/incidents/{self.created[-1]}")
        return await self._http.get(
            ("/api/v1/incidents", "/api/v1/assets", "/api/v1/alerts")[number % 3], params={"pageSize": 5}
        )

    async def lost(self) -> list[str]:
        """Incidents that were created and are not there."""
        missing = []
        for incident in self.created:
            if (await self._http.get(f"/api/v1/incidents/{incident}")).status_code != httpx.codes.OK:
                missing.append(incident)  # noqa: PERF401 - a comprehension with await reads worse
        return missing

    def summary(self) -> dict[str, Any]:
        """What the report has of it."""
        ordered = sorted(self.latencies) or [0.0]
        return {
            "requests": self.requests,
            "errors": len(self.errors),
            "first_errors": self.errors[:20],
            "repeated_connections": self.repeated,
            "created": len(self.created),
            "p50_ms": round(ordered[len(ordered) // 2] * 1000, 1),
            "p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1000, 1),
            "max_ms": round(ordered[-1] * 1000, 1),
        }


async def main(url: str, token_file: str, rate: float, seconds: float) -> None:
    """Every request starts at its time, whether the ones before it have ended or not."""
    headers = {"authorization": f"Bearer {Path(token_file).read_text().strip()}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False) as http:
        load = Load(http)
        begun = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0, begun + number / rate - time.monotonic()))
                group.create_task(load.one(number))
        took = time.monotonic() - begun
        lost = await load.lost()
    sys.stdout.write(json.dumps(load.summary() | {"load_seconds": round(took, 1), "lost": lost}) + "\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])))
