"""Files of incidents in memory, and people who add them."""

import hashlib
from typing import Any

from chassis import context as ctx
from chassis.context import Context
from chassis.due import DueWorker
from chassis.store import Backend
from chassis.telemetry import Metrics
from chassis.testing import caller
from services.incident import store as kept
from services.incident.domain.attachment import Attachment
from services.incident.usecases.attachments import Attachments
from services.incident.usecases.uploads import DUE_FIELD, PIECE, PIECES, UPLOADS, Uploads
from tests.unit.incident.desk import KEY, Desk

LARGEST, MOST, QUOTA = 3 * PIECE + 10, 4, 10 * PIECE
ANN = caller(subject="ann", scope={"requester_id": "ann"})
BOB = caller(subject="bob", scope={"requester_id": "bob"})
AMY = caller(subject="amy")
PNG = b"\x89PNG\r\n\x1a\n and more"


class FilesRoom(Desk):
    """A desk with files."""

    def __init__(self, backend: Backend | None = None, *, most: int = MOST, quota: int = QUOTA) -> None:
        super().__init__(backend)
        self.uploads = Uploads(self.store, largest=LARGEST)
        listing = kept.listings(KEY, self.clock)["attachments"]
        self.attachments = Attachments(self.store, self.uploads, listing, most=most, quota=quota)
        self.sweeper = DueWorker(self.store, "incident", UPLOADS, DUE_FIELD, self.uploads.sweep, Metrics())

    async def reported(self, by: Context = ANN) -> str:
        """An incident of somebody."""
        with ctx.use(by):
            return str((await self.incidents.open({"title": "It burns", "requester_id": by.actor.id})).id)

    async def begun(self, incident: str, name: str = "a.png", said: str = "", size: int = 0, internal: bool = False) -> str:
        """A file that is to come."""
        begun = await self.attachments.begin(incident, file_name=name, media_type=said, size=size, internal=internal)
        return begun.upload_id

    async def sent(self, upload: str, content: bytes) -> str:
        """Its pieces; says their digest."""
        for place, start in enumerate(range(0, len(content), PIECE)):
            await self.attachments.add(upload, place, content[start : start + PIECE])
        return hashlib.sha256(content).hexdigest()

    async def added(self, incident: str, content: bytes = PNG, **said: Any) -> Attachment:
        """A whole file."""
        upload = await self.begun(incident, **said)
        return await self.attachments.finish(upload, await self.sent(upload, content))

    def pieces(self) -> int:
        """How many pieces are kept."""
        memory: Any = self.backend
        return len(memory.collections.get(PIECES, {}))
