"""Files of incidents: begun, sent in pieces, there at once when whole, read, removed. Whoever sees the incident sees them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chassis import context as ctx
from chassis.demonstration import undated
from chassis.domain import Ids, new_id
from chassis.errors import Invalid, NotFound
from chassis.listing import Listing
from chassis.store import Insert, Store, Transaction, Update
from chassis.store.transaction import CLAIMS, REQUEST_KEPT
from services.incident.domain import files
from services.incident.domain.attachment import Attachment
from services.incident.domain.incident import Incident
from services.incident.usecases.reading import Asked, Document, Paged
from services.incident.usecases.uploads import DONE, Uploads

ATTACHMENTS, USAGE = "attachments", "attachment_usage"
QUOTA = "QUOTA"
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_CLAIM = "attachment-request"


@dataclass(frozen=True, slots=True)
class Begun:
    """A file that may be sent now, or what the same request made before."""

    upload_id: str = ""
    before: Document | None = None


class Attachments:
    """Files of the current tenant's incidents. `most` is how many one incident may have, `quota` the bytes of a tenant.

    Each raises `NotFound` for an incident that the caller does not see, and for files that are not his to see.
    """

    def __init__(
        self, store: Store, uploads: Uploads, listing: Listing, *, most: int = 100, quota: int = 10 << 30, ids: Ids = new_id
    ) -> None:
        self._store, self.uploads, self._listing, self._ids = store, uploads, listing, ids
        self._most, self._quota = most, quota

    async def begin(self, id: str, *, file_name: str, media_type: str, size: int, internal: bool) -> Begun:  # noqa: A002 - as its field
        """A file is to come. Raises `Invalid` for one that is not taken, by its name or its size."""
        about = await self._subject(id)
        if (before := await self._before()) is not None:
            return Begun(before=before)
        name = files.display_name(file_name)
        files.require_harmless(name)
        said = files.declared(media_type)
        if size < 0:
            raise Invalid({"size": "cannot be below zero"})
        self.uploads.require_small(size)
        await self._require_room(about, size)
        key = self._ids("att")
        fields = {"about": about, "file_name": name, "said": said, "media_type": "", "announced": size}
        mine = {
            "internal": internal and not _bounded(),
            "request": ctx.current().request_id,
            "hash": ctx.current().request_hash,
        }
        await self.uploads.begin(key, {**fields, **mine})
        return Begun(upload_id=key)

    async def add(self, upload_id: str, place: int, content: bytes) -> int:
        """The next piece; says how many bytes there are by now. Raises `Invalid` where the file is not what was said."""
        upload = await self.uploads.get(upload_id)
        more = {"media_type": files.found(content, upload["said"])} if place == 0 else {}
        return await self.uploads.add(upload, place, content, more)

    async def finish(self, upload_id: str, sha256: str) -> Attachment:
        """It is there from now on; said again, it is the same. Raises `Invalid` where it is not what was sent."""
        upload = await self.uploads.get(upload_id)
        if upload["state"] == DONE:
            return await self._there(upload["about"], upload_id)
        if (
            claim := await self._claimed(upload["request"], upload["hash"])
        ) is not None:  # by the same request, beside this one
            return await self._there(upload["about"], claim["holder"])
        self._judge(upload, sha256, await self.uploads.digest(upload))
        await self._subject(upload["about"].partition("/")[2])
        attachment = Attachment.added(
            id=upload["_id"],
            about=upload["about"],
            file_name=upload["file_name"],
            media_type=upload["media_type"],
            size=upload["size"],
            sha256=sha256,
            internal=upload["internal"],
            by=upload["by"],
            at=self._store.clock(),
        )
        async with self._store.transaction() as tx:
            await self._use(tx, attachment, 1)
            self.uploads.done(tx, upload)
            tx.add(attachment)
            if upload["request"]:
                tx.write(Insert(CLAIMS, self._claim(upload)))
        return attachment

    async def remove(self, id: str, attachment_id: str, *, etag: str = "") -> Attachment:  # noqa: A002 - as above
        """It is gone, and what it held with it."""
        about = await self._subject(id)
        await self._there(about, attachment_id)
        async with self._store.transaction() as tx:
            with _everything():
                attachment = await tx.get(Attachment, attachment_id, etag=etag)
            if attachment.delete_time is not None:
                raise NotFound("attachment", attachment_id)
            attachment.remove(self._store.clock())
            tx.save(attachment)
            await self._use(tx, attachment, -1)
            self.uploads.drop(tx, attachment.id, attachment.size)
        return attachment

    async def get(self, id: str, attachment_id: str) -> Attachment:  # noqa: A002 - as above
        """What is known of one."""
        return await self._there(await self._subject(id), attachment_id)

    async def page(self, id: str, asked: Asked) -> Paged:  # noqa: A002 - as above
        """A page of those of an incident, newest first."""
        about = await self._subject(id)
        among: dict[str, Any] = {"delete_time": None} | ({"internal": False} if _bounded() else {})
        page = self._listing.page(ctx.current().tenant, f'about = "{about}"', "", asked.size, asked.token)
        with _everything():
            query = {"$and": [page.query, among]}
            return page.cut(await self._store.find(ATTACHMENTS, query, sort=page.sort, limit=page.limit, naive=True))

    async def piece(self, id: str, attachment_id: str, place: int) -> tuple[Attachment, bytes]:  # noqa: A002 - as above
        """One, and a piece of what it holds; an empty one after the last."""
        attachment = await self.get(id, attachment_id)
        return attachment, await self.uploads.piece(attachment.id, place)

    def _judge(self, upload: Document, said: str, kept: str) -> None:
        wrong = {}
        if not upload["size"]:
            wrong["content"] = "the file is empty"
        elif upload["announced"] not in (0, upload["size"]):
            wrong["content"] = f"{upload['announced']} bytes were announced, and {upload['size']} came"
        elif not _SHA256.fullmatch(said) or said != kept:
            wrong["sha256"] = "is not that of what came"
        if wrong:
            raise Invalid(wrong)

    async def _subject(self, id: str) -> str:  # noqa: A002 - as above
        document = await self._store.document(Incident, id)
        return self._store.kinds[Incident].subject(document["_id"])

    async def _there(self, about: str, attachment_id: str) -> Attachment:
        with _everything():  # the row scope bounds incidents; whoever reached one reaches what belongs to it
            found = await self._store.get(Attachment, attachment_id)
        if found.about != about or found.delete_time is not None or (found.internal and _bounded()):
            raise NotFound("attachment", attachment_id)
        return found

    async def _require_room(self, about: str, size: int) -> None:
        keys = self._usage_keys(about)
        query = {"_id": {"$in": list(keys)}, "tenant": ctx.current().tenant}
        used = {row["_id"]: row for row in await self._store.backend.find(USAGE, query)}
        self._check_room(used, keys, size)

    def _check_room(self, used: Mapping[str, Document], keys: tuple[str, str], size: int) -> None:
        own, whole = (used.get(key, {"count": 0, "bytes": 0}) for key in keys)
        if own["count"] >= self._most:
            raise Invalid({"content": f"an incident may have {self._most} files"})
        if whole["bytes"] + size > self._quota:
            raise Invalid({"content": "all files together would be more than this tenant may keep"}, reason=QUOTA)

    async def _use(self, tx: Transaction, attachment: Attachment, sign: int) -> None:
        """Counts a file in, or out: of its incident and of the tenant. Who counts at the same time is told to do it again."""
        keys, tenant = self._usage_keys(attachment.about), ctx.current().tenant
        used = await tx.documents(USAGE, keys)
        if sign > 0:
            self._check_room(used, keys, attachment.size)
        for key in keys:
            before = used.get(key)
            count, size = (before["count"], before["bytes"]) if before else (0, 0)
            after = {"count": count + sign, "bytes": size + sign * attachment.size}
            if before is None:
                tx.write(Insert(USAGE, {"_id": key, "tenant": tenant, **after}))
            else:
                query = {"_id": key, "tenant": tenant, "count": count, "bytes": size}
                tx.write(Update(USAGE, query, {"$set": after}))

    @staticmethod
    def _usage_keys(about: str) -> tuple[str, str]:
        tenant = ctx.current().tenant
        return f"{tenant}|{about}", f"{tenant}|"

    def _claim(self, upload: Document) -> dict[str, Any]:
        tenant = upload["tenant"]
        return {
            "_id": f"{tenant}|{_CLAIM}|{upload['request']}",
            "tenant": tenant,
            "holder": upload["_id"],
            "hash": upload["hash"],
            "expire_time": undated(self._store.clock) + REQUEST_KEPT,
        }

    async def _before(self) -> Document | None:
        """What the same request made. Raises `Invalid` where its key was for another."""
        claim = await self._claimed(ctx.current().request_id, ctx.current().request_hash)
        if claim is None:
            return None
        with _everything():
            return await self._store.document(Attachment, claim["holder"], naive=True)

    async def _claimed(self, request: str, digest: str) -> Document | None:
        if not request:
            return None
        tenant = ctx.current().tenant
        claim = await self._store.backend.find_one(CLAIMS, {"_id": f"{tenant}|{_CLAIM}|{request}", "tenant": tenant})
        if claim is not None and claim["hash"] != digest:
            raise Invalid({"": "this idempotency key was used for another request"}, reason="IDEMPOTENCY_MISMATCH")
        return claim


def _bounded() -> bool:
    return bool(ctx.current().scope)


def _everything() -> Any:
    return ctx.use(replace(ctx.current(), scope={}))
