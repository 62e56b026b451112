"""What files hold, in pieces: as they come, while nobody sees them, and until they are swept.

A file that was begun is `OPEN`, then `DONE` when it became an attachment; what stopped, and what was removed, is `GONE` until
its pieces are. Nothing of it is in an event.
"""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from chassis import context as ctx
from chassis.errors import Exhausted, ForbiddenMove, Invalid, NotFound
from chassis.store import Delete, Insert, Store, Transaction, Update

UPLOADS, PIECES = "attachment_uploads", "attachment_pieces"
DUE_FIELD = "next_due_time"
PIECE = 1 << 20
"""Bytes of each piece but the last."""
AT_ONCE = 20
"""Files that one caller may have begun at once."""
OPEN, DONE, GONE = "OPEN", "DONE", "GONE"
KEPT = timedelta(hours=1)
"""For how long a file may be on its way, and how long its end is remembered."""
TOO_LARGE = "TOO_LARGE"

Document = Mapping[str, Any]


class Uploads:
    """Files on their way, of the current tenant. `largest` is how many bytes one may have."""

    def __init__(self, store: Store, *, largest: int) -> None:
        self._store, self.largest = store, largest

    async def begin(self, id: str, fields: Document) -> None:  # noqa: A002 - as its field
        """A file is to come. Raises `Exhausted` where its sender has begun too many."""
        by, now = ctx.current().actor.id, self._store.clock()
        query = {"tenant": ctx.current().tenant, "by": by, "state": OPEN}
        if await self._store.backend.count(UPLOADS, query, limit=AT_ONCE) >= AT_ONCE:
            raise Exhausted(f"you have begun {AT_ONCE} files and finished none of them", timedelta(minutes=1))
        row = {"tenant": ctx.current().tenant, "by": by, "state": OPEN, "size": 0, "pieces": 0, DUE_FIELD: now + KEPT}
        async with self._store.transaction() as tx:
            tx.write(Insert(UPLOADS, {"_id": id, **row, **fields}))

    async def get(self, id: str) -> Document:  # noqa: A002 - as above
        """One that the caller began. Raises `NotFound`, also for one that was swept."""
        query = {"_id": id, "tenant": ctx.current().tenant, "by": ctx.current().actor.id}
        found = await self._store.backend.find_one(UPLOADS, query)
        if found is None or found["state"] == GONE:
            raise NotFound("upload", id)
        return found

    async def add(self, upload: Document, place: int, content: bytes, more: Document) -> int:
        """Keeps the next piece, and `more` about the file; says how many bytes there are. The last one again is nothing new.

        Raises `Invalid` for one that is out of order or too much, `ForbiddenMove` when the file is whole already.
        """
        if upload["state"] != OPEN:
            raise ForbiddenMove(upload["state"], "add", "the file is whole already")
        if place == upload["pieces"] - 1 and len(content) == upload["size"] - place * PIECE:
            return int(upload["size"])
        if place != upload["pieces"] or upload["size"] != place * PIECE or not 0 < len(content) <= PIECE:
            raise Invalid({"piece": f"pieces come in their order, each but the last with {PIECE} bytes"})
        size: int = upload["size"] + len(content)
        self.require_small(size)
        key = {"_id": upload["_id"], "tenant": upload["tenant"]}
        values = {"size": size, "pieces": place + 1, **more}
        async with self._store.transaction() as tx:
            tx.write(Insert(PIECES, {"_id": f"{upload['_id']}|{place}", "tenant": upload["tenant"], "content": content}))
            tx.write(Update(UPLOADS, {**key, "state": OPEN, "pieces": place}, {"$set": values}))
        return size

    def require_small(self, size: int) -> None:
        """Raises `Invalid` for more than a file may have."""
        if size > self.largest:
            raise Invalid({"content": f"a file may have {self.largest} bytes"}, reason=TOO_LARGE)

    async def digest(self, upload: Document) -> str:
        """SHA-256 of what is kept, one piece in memory at a time."""
        digest = hashlib.sha256()
        for place in range(upload["pieces"]):
            digest.update(await self.piece(upload["_id"], place))
        return digest.hexdigest()

    async def piece(self, id: str, place: int) -> bytes:  # noqa: A002 - as above
        """A piece; empty where there is none."""
        found = await self._store.backend.find_one(PIECES, {"_id": f"{id}|{place}", "tenant": ctx.current().tenant})
        return bytes(found["content"]) if found is not None else b""

    def done(self, tx: Transaction, upload: Document) -> None:
        """It has become an attachment: nobody sweeps its pieces from now on."""
        query = {"_id": upload["_id"], "tenant": upload["tenant"], "state": OPEN, "pieces": upload["pieces"]}
        tx.write(Update(UPLOADS, query, {"$set": {"state": DONE, DUE_FIELD: self._store.clock() + KEPT}}))

    def drop(self, tx: Transaction, id: str, size: int) -> None:  # noqa: A002 - as above
        """What an attachment held goes now."""
        tenant = ctx.current().tenant
        values = {"state": GONE, "pieces": -(-size // PIECE), DUE_FIELD: self._store.clock()}
        tx.write(Update(UPLOADS, {"_id": id, "tenant": tenant}, {"$set": values}, strict=False, upsert=True))

    async def sweep(self, tenant: str, id: str) -> None:  # noqa: A002 - as above
        """Forgets one whose time has come, with its pieces where no attachment has them. It may die at any step of it."""
        key = {"_id": id, "tenant": tenant}
        found = await self._store.backend.find_one(UPLOADS, key)
        if found is None or found[DUE_FIELD] > self._store.clock():
            return
        if found["state"] == OPEN:  # so that nothing is added any more, and nothing finished
            stopped = {"$set": {"state": GONE}}
            await self._store.backend.write([Update(UPLOADS, {**key, "state": OPEN, "pieces": found["pieces"]}, stopped)])
        state = DONE if found["state"] == DONE else GONE
        if state == GONE:
            for place in range(found["pieces"]):
                await self._store.backend.write([Delete(PIECES, {"_id": f"{id}|{place}", "tenant": tenant})])
        # What was removed meanwhile still has pieces to go.
        await self._store.backend.write([Delete(UPLOADS, {**key, "state": state})])
