"""Jobs: asking for them, looking at them, ending them and taking them back. What does them is `services/gateway/jobs`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from chassis import context as ctx
from chassis import proof
from chassis.domain import Ids, new_id
from chassis.errors import Denied, Exhausted, ForbiddenMove, Invalid, NotFound
from chassis.listing import Listing
from chassis.store import Insert, Store, Transaction
from services.gateway.domain.job import MOST_IDS, MOST_OPEN, MOST_SELECTED, OPEN, Format, Job, Kind
from services.gateway.ports import Actions, Plan
from services.gateway.usecases.files import Files
from services.gateway.usecases.reading import Asked, Document, Paged, page_of
from services.gateway.usecases.reports import ITEMS, Reports
from services.gateway.usecases.selections import Selections

JOBS, NAMED = "jobs", "job_records"
LONGEST_ID = 200
_THERE: Mapping[str, Any] = {"delete_time": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody asks for; see `CreateJobRequest`."""

    kind: Kind
    resource: str
    action: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    ids: Sequence[str] = ()
    selection: str = ""
    filter: str = ""
    fields: Sequence[str] = ()
    order_by: str = ""
    format: Format | None = None


class Jobs:
    """What callers may do with jobs. `etag` is the version that the caller decided on, or empty."""

    def __init__(
        self,
        store: Store,
        actions: Actions,
        selections: Selections,
        listing: Listing,
        items: Listing,
        *,
        ids: Ids = new_id,
    ) -> None:
        self._store, self._actions, self._selections, self._ids = store, actions, selections, ids
        self._listing, self._items, self._files, self._reports = listing, items, Files(store), Reports(store)

    async def create(self, wish: Wish) -> Job:
        """A new one, which waits for its turn.

        Raises `Invalid` for what cannot be done, `Denied` for what the caller may not do, `Exhausted` for too many of them, too
        large files or too long reports, `Unauthenticated` where records would be removed by somebody whose proof is too old.
        """
        given = self._bulk(wish) if wish.kind is Kind.BULK else self._export(wish)
        await self._room()
        if wish.kind is Kind.EXPORT:
            await self._files.require_room(ctx.current().actor.id)
        else:
            await self._reports.require_room(ctx.current().actor.id, len(wish.ids) or given["selected"])
        async with self._store.transaction() as tx:
            job = Job.made(
                id=self._ids("job"), at=self._store.clock(), kind=wish.kind, resource=wish.resource, **given, **_rights()
            )
            tx.add(job)
            if wish.ids:
                named = {
                    "_id": job.id,
                    "tenant": ctx.current().tenant,
                    "ids": list(dict.fromkeys(wish.ids)),
                    "expire_time": job.expire_time,
                }
                tx.write(Insert(NAMED, named))
        return job

    async def cancel(self, id: str, *, etag: str = "") -> Job:  # noqa: A002 - as its field
        """Ends it. Raises `ForbiddenMove` for one that has ended."""
        async with self._store.transaction() as tx:
            job = await _loaded(tx, id, etag)
            job.cancel(self._store.clock())
            tx.save(job)
        return job

    async def delete(self, id: str, *, etag: str = "") -> Job:  # noqa: A002 - as above
        """It is gone with its report and its file. Raises `ForbiddenMove` while it, or what takes it back, has not ended."""
        async with self._store.transaction() as tx:
            job, at = await _loaded(tx, id, etag), self._store.clock()
            back = {"_id": job.undone_by, "state": {"$in": sorted(OPEN)}}
            if job.undone_by and await self._store.count(JOBS, back, limit=1):
                raise ForbiddenMove(job.state, "delete", f"the job {job.undone_by} is taking it back")
            job.delete(at)
            tx.save(job)
        if not ctx.current().dry_run:
            await self._files.end(job.id, at)
            rows = {"job_id": job.list_id, "tenant": ctx.current().tenant}
            await self._store.backend.update_many(ITEMS, rows, {"$set": {"expire_time": at}})
        return job

    async def undo(self, id: str, *, etag: str = "") -> Job:  # noqa: A002 - as above
        """The job that takes it back, by the rights of the caller. Raises `ForbiddenMove`, saying why that cannot be."""
        await self._room()
        async with self._store.transaction() as tx:
            job, made, at = await _loaded(tx, id, etag), self._ids("job"), self._store.clock()
            job.undo(at, made)
            plan = self._actions.bulk(job.resource, job.action, job.parameters, listed=False)
            back = Job.made(
                id=made, at=at, kind=Kind.BULK, resource=job.resource, action=plan.inverse, undo_of=job.id, **_rights()
            )
            _permit(self._actions.bulk(job.resource, plan.inverse, {}, listed=False, back=True))
            tx.save(job)
            tx.add(back)
        return back

    async def get(self, id: str) -> Document:  # noqa: A002 - as above
        """One job, to become a message. Raises `NotFound`."""
        return await self._document(id, naive=True)

    async def page(self, asked: Asked) -> Paged:
        """A page of the jobs that match."""
        return await page_of(self._store, JOBS, self._listing, asked, among=_THERE)

    async def items(self, id: str, asked: Asked) -> Paged:  # noqa: A002 - as above
        """A page of what became of a job's records. Raises `NotFound`."""
        job = await self.get(id)
        with ctx.use(_unscoped()):
            rows, token = await page_of(self._store, ITEMS, self._items, asked, among={"job_id": f"{job['_id']}|{job['run']}"})
        return [{**row, "_id": row["record_id"], "version": row.get("etag", "")} for row in rows], token

    async def piece(self, id: str, place: int) -> tuple[Document, bytes]:  # noqa: A002 - as above
        """A job that has a file, and a piece of that; an empty one after the last.

        The file is for its creator, as long as he may list what is in it and shows the roles with which he asked for it: with
        fewer of them he may see fewer records. Raises `NotFound`, `Denied`.
        """
        job, caller = await self._document(id), ctx.current()
        if not job.get("result") or job["creator_id"] != caller.actor.id:
            raise NotFound("result", id)
        until = job["result"].get("expire_time") or job["expire_time"]
        if until <= self._store.clock():
            raise NotFound("result", id)
        _permit(self._actions.export(job["resource"], ()))
        if lost := set(job["roles"]) - caller.roles:
            raise Denied("jobs.get", f"it was asked for with the role {', '.join(sorted(lost))}: ask for another export")
        return job, await self._files.piece(job["_id"], job["run"], place)

    async def _document(self, id: str, *, naive: bool = False) -> Document:  # noqa: A002 - as above
        document = await self._store.document(Job, id, naive=naive)
        if document.get("delete_time") is not None:
            raise NotFound("job", id)
        return document

    def _bulk(self, wish: Wish) -> dict[str, Any]:
        wrong = {name: "is for an export" for name in ("filter", "fields", "order_by", "format") if getattr(wish, name)}
        if bool(wish.ids) == bool(wish.selection):
            wrong["ids"] = "say which records: by ids, or by a selection"
        elif len(wish.ids) > MOST_IDS:
            wrong["ids"] = f"may name {MOST_IDS} records; select more of them by a filter"
        elif not all(0 < len(each) <= LONGEST_ID for each in wish.ids):
            wrong["ids"] = "holds what is no id"
        if not wish.action:
            wrong["action"] = "is needed"
        if wrong:
            raise Invalid(wrong)
        plan = self._actions.bulk(wish.resource, wish.action, wish.parameters, listed=bool(wish.selection))
        _permit(plan)
        given = {"action": wish.action, "parameters": dict(wish.parameters), "invertible": bool(plan.inverse)}
        if not wish.selection:
            return given
        caller = ctx.current()
        selection = self._selections.read(wish.selection, caller.tenant, caller.actor.id, wish.resource)
        if selection.count > MOST_SELECTED:
            raise Invalid({"selection": f"a job takes {MOST_SELECTED} records; narrow the filter"})
        return given | {"filter": selection.filter, "selected": selection.count, "selected_time": selection.time}

    def _export(self, wish: Wish) -> dict[str, Any]:
        if wrong := {
            name: "is for a bulk action" for name in ("action", "parameters", "ids", "selection") if getattr(wish, name)
        }:
            raise Invalid(wrong)
        _permit(self._actions.export(wish.resource, wish.fields))
        return {
            "filter": wish.filter,
            "fields": list(wish.fields),
            "order_by": wish.order_by,
            "format": wish.format or Format.CSV,
        }

    async def _room(self) -> None:
        mine = {"creator_id": ctx.current().actor.id, "state": {"$in": [state.value for state in OPEN]}}
        if await self._store.count(JOBS, mine, limit=MOST_OPEN) >= MOST_OPEN:
            raise Exhausted(f"{MOST_OPEN} of your jobs wait already", timedelta(seconds=30))


async def _loaded(tx: Transaction, id: str, etag: str) -> Job:  # noqa: A002 - as its field
    job = await tx.get(Job, id, etag=etag)
    if job.delete_time is not None:
        raise NotFound("job", id)
    return job


def _permit(plan: Plan) -> None:
    caller = ctx.current()
    for permission in plan.needs:
        if permission not in caller.permissions:
            raise Denied(permission)
    if plan.destroys:
        proof.require(attended=caller.attended, acr=caller.acr, auth_time=caller.auth_time)


def _rights() -> dict[str, Any]:
    """Who calls, empty where that is no person, and what he came with."""
    caller = ctx.current()
    return {
        "creator_id": caller.actor.id if caller.actor.kind == "user" else "",
        "roles": sorted(caller.roles),
        "limits": sorted(caller.permissions),
        "credential_id": caller.credential,
    }


def _unscoped() -> ctx.Context:
    """The caller without the row scope, which is one over jobs: whether he may see the job was asked."""
    return replace(ctx.current(), scope={})
