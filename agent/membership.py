"""Being known to the platform: enrolling at the first start, and again when the key was taken away.

A key that is refused is kept until enrolling has given another: a platform that is wrong for a moment costs nothing.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.client import Client, KeyRejected, Later, Refused
from agent.identity import Identity, IdentityFile
from agent.times import Backoff

_log = logging.getLogger(__name__)

_FIRST_WAIT, _LONGEST_WAIT = 2.0, 300.0
_SHORTEST_LIFE, _LONGEST_LIFE = 10.0, 3600.0
"""Seconds. A key that is refused soon after it was given is replaced later and later: two installations with one identity,
copies of one disk, would else take the key from each other without end."""


class Membership:
    """The identity in use. `introduction` makes the body of an enrollment; `joined` hears of each new enrollment."""

    def __init__(
        self,
        client: Client,
        file: IdentityFile,
        key_file: Path | None,
        introduction: Callable[[Identity], Awaitable[dict[str, Any]]],
        joined: Callable[[], None],
    ) -> None:
        self._client = client
        self._file = file
        self._key_file = key_file
        self._introduction = introduction
        self._joined = joined
        self._backoff = Backoff(_FIRST_WAIT, _LONGEST_WAIT)
        self._lock = asyncio.Lock()
        self._identity = file.load()
        self._enrolled = -math.inf
        self._pause = _SHORTEST_LIFE

    @property
    def identity(self) -> Identity:
        """As of now, enrolled or not."""
        return self._identity

    async def ready(self) -> Identity:
        """The identity, once there is a key; tries until there is."""
        while not self._identity.enrolled:
            async with self._lock:
                if not self._identity.enrolled:
                    await self._try()
        return self._identity

    async def rejected(self, used: Identity) -> None:
        """Its key was refused: enroll again. Returns after one try and, when that failed, a wait; the caller then comes again
        with whatever key there is.
        """
        async with self._lock:
            if self._identity.key != used.key:
                return
            lived = asyncio.get_running_loop().time() - self._enrolled
            if lived < self._pause:
                _log.error("a key that was given just now is refused; is there a copy of this agent?")
                await asyncio.sleep(self._pause - lived)
            await self._try()
            if self._identity.key != used.key:
                self._pause = _SHORTEST_LIFE if lived > _LONGEST_LIFE else min(_LONGEST_LIFE, 2 * self._pause)

    async def enroll(self) -> None:
        """One try. Raises `Later`, `Refused` or `KeyRejected`."""
        key = self._enrollment_key()
        if not key:
            raise Later(f"there is no enrollment key in {self._key_file or 'a file: name one with --key-file'}")
        given = await self._client.enroll(key, await self._introduction(self._identity))
        self._identity = replace(self._identity, agent_id=given.agent_id, asset_id=given.asset_id, key=given.key)
        self._file.store(self._identity)
        self._backoff.succeeded()
        self._enrolled = asyncio.get_running_loop().time()
        _log.info("enrolled as %s, asset %s", given.agent_id, given.asset_id)
        self._joined()

    def is_on(self, asset_id: str) -> None:
        """The asset that the platform takes this machine for, if it says one; people may merge two, or part them."""
        if asset_id and asset_id != self._identity.asset_id:
            self._identity = replace(self._identity, asset_id=asset_id)
            self._file.store(self._identity)

    async def _try(self) -> None:
        asked = None
        try:
            await self.enroll()
        except Later as error:
            asked = error.wait
            _log.warning("not enrolled yet: %s", error)
        except KeyRejected as error:
            _log.error("the enrollment key is not valid (any more): %s", error)
        except Refused as error:
            _log.error("the platform does not take this agent in: %s", error)
        else:
            return
        await asyncio.sleep(self._backoff.wait(asked))

    def _enrollment_key(self) -> str:
        """Read at each try: a new key is put in place without a restart."""
        if self._key_file is None:
            return ""
        try:
            return self._key_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            _log.warning("the enrollment key cannot be read: %s", error)
            return ""
