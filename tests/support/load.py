"""Writes of a few dozen unique values through the gateway, each recorded: what a history is made of."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx

from tests.support.gateway import Gateway
from tests.support.history import Operation, Outcome, Recorder

NOTES = "notes"
_PLURALS = {"note": NOTES, "token": "tokens", "asset": "assets", "check": "checks"}
_PACE = 0.1  # seconds between attempts of a client that is refused


class Load:
    """A handful of clients that open incidents and work on them. `run_id` is the category of everything they open.

    With a `keeper`, who may do so, each story also makes an asset and a check, and looks at a figure.
    """

    def __init__(self, gateway: Gateway, recorder: Recorder, keeper: Gateway | None = None) -> None:
        self.run_id = f"run-{uuid4().hex[:12]}"
        self._gateway = gateway
        self._keeper = keeper
        self.recorder = recorder
        self._repeatable: dict[str, Callable[[str], Any]] = {}

    async def work(self, *, clients: int = 4, until: Callable[[], bool], most: int = 10_000) -> None:
        """Each client writes story after story until the condition holds; no more than `most` stories in all."""
        left = iter(range(most))

        async def client() -> None:
            for number in left:
                if until():
                    return
                await self.story(with_key=bool(number % 2))

        await asyncio.gather(*(client() for _ in range(clients)))

    async def story(self, *, with_key: bool) -> None:
        """Opens an incident, renames it, hands it over, says something, works, waits, resolves; ends at the first doubt."""
        await self._token(with_key=with_key)
        if self._keeper is not None:
            await self._keep(self._keeper, with_key=with_key)
        opened = await self._open(with_key=with_key)
        version = opened.version if opened.outcome is Outcome.OK else 0
        if not version:
            await asyncio.sleep(_PACE)
        steps: tuple[Callable[[Operation, int, bool], Any], ...] = (
            self._rename, self._note, self._assign, self._start, self._hold, self._resume, self._note, self._resolve,
        )  # fmt: skip
        for step in steps:
            if not version:
                return
            done = await step(opened, version, with_key)
            version = 0 if done.outcome is not Outcome.OK else max(version, done.version)

    async def settle(self) -> None:
        """Repeats what ended in doubt and carries an idempotency key: it must have happened once, then or now."""
        for operation in list(self.recorder):
            send = self._repeatable.get(operation.nonce)
            if operation.outcome is Outcome.INFO and send is not None:
                plural = _PLURALS.get(operation.kind, "incidents")
                await self.recorder.again(operation, send, plural=plural)

    async def _open(self, *, with_key: bool) -> Operation:
        title = f"title-{uuid4().hex}"
        body = {"title": title, "category": self.run_id, "impact": "LOW", "urgency": "LOW"}
        return await self._write("create", "incidents", body, with_key=with_key, value=title)

    async def _token(self, *, with_key: bool) -> Operation:
        name = f"{self.run_id} {uuid4().hex}"
        return await self._write("token", "tokens", {"name": name}, with_key=with_key, value=name, plural="tokens")

    async def _keep(self, keeper: Gateway, *, with_key: bool) -> None:
        name = f"{self.run_id} {uuid4().hex}"
        for kind, body in (
            ("asset", {"name": name, "class": "server"}),
            ("check", {"name": name, "kind": "TCP", "target": "127.0.0.1:1", "enabled": False}),
        ):
            plural = _PLURALS[kind]
            await self._write(kind, plural, body, with_key=with_key, value=name, plural=plural, gateway=keeper)
        with suppress(httpx.TransportError):  # reading changes nothing, whatever becomes of it
            await keeper.send("GET", "kpis/mtta")

    async def _rename(self, opened: Operation, version: int, with_key: bool) -> Operation:
        title = f"title-{uuid4().hex}"
        path = opened.subject
        return await self._write(
            "patch", path, {"title": title}, "PATCH", subject=path, version=version, with_key=with_key, value=title
        )

    async def _assign(self, opened: Operation, version: int, with_key: bool) -> Operation:
        team = f"team-{uuid4().hex}"
        return await self._verb(opened, "assign", {"teamId": team}, version, with_key=with_key, value=team)

    async def _start(self, opened: Operation, version: int, with_key: bool) -> Operation:
        return await self._verb(opened, "start", {}, version, with_key=with_key)

    async def _hold(self, opened: Operation, version: int, with_key: bool) -> Operation:
        body = {"reason": "CALLER", "note": f"note-{uuid4().hex}"}
        return await self._verb(opened, "hold", body, version, with_key=with_key)

    async def _resume(self, opened: Operation, version: int, with_key: bool) -> Operation:
        return await self._verb(opened, "resume", {}, version, with_key=with_key)

    async def _resolve(self, opened: Operation, version: int, with_key: bool) -> Operation:
        text = f"resolution-{uuid4().hex}"
        body = {"resolutionCode": "fixed", "resolution": text}
        return await self._verb(opened, "resolve", body, version, with_key=with_key, value=text)

    async def _note(self, opened: Operation, version: int, with_key: bool) -> Operation:
        text = f"note-{uuid4().hex}"
        path = f"{opened.subject}/notes"
        return await self._write("note", path, {"text": text, "public": True}, with_key=with_key, value=text, plural=NOTES)

    async def _verb(
        self, opened: Operation, verb: str, body: Any, version: int, *, with_key: bool, value: str = ""
    ) -> Operation:
        path = f"{opened.subject}:{verb}"
        return await self._write(verb, path, body, subject=opened.subject, version=version, with_key=with_key, value=value)

    async def _write(
        self,
        kind: str,
        path: str,
        body: Any,
        method: str = "POST",
        *,
        with_key: bool,
        value: str = "",
        subject: str = "",
        version: int = 0,
        plural: str = "incidents",
        gateway: Gateway | None = None,
    ) -> Operation:
        key = f"key-{uuid4().hex}" if with_key else ""

        async def send(nonce: str) -> httpx.Response:
            if key:
                self._repeatable[nonce] = send
            return await (gateway or self._gateway).send(method, path, body, nonce=nonce, key=key, version=version or "")

        return await self.recorder.run(kind, send, subject=subject, based_on=version, value=value, plural=plural)
