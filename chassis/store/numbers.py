"""Human numbers, `INC0001042`: taken from the database a block at a time. Gaps are allowed, doubles are not."""

from chassis import context as ctx
from chassis.store.backend import Backend

NUMBERS = "numbers"
BLOCK = 100


class Numbers:
    """The blocks that this process has reserved."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._blocks: dict[tuple[str, str], list[int]] = {}

    async def next(self, prefix: str) -> str:
        """The next number for the current tenant; in a dry run the one that is likely to be next, which is not taken."""
        context = ctx.current()
        key, block = f"{context.tenant}|{prefix}", self._blocks.get((context.tenant, prefix))
        if context.dry_run:
            kept = None if block else await self._backend.find_one(NUMBERS, {"_id": key, "tenant": context.tenant})
            return f"{prefix}{block[-1] if block else (kept or {}).get('next', 0) + 1:07d}"
        if not block:
            reserved = await self._backend.find_one_and_update(
                NUMBERS, {"_id": key, "tenant": context.tenant}, {"$inc": {"next": BLOCK}}, upsert=True
            )
            end = int((reserved or {})["next"])
            block = self._blocks.setdefault((context.tenant, prefix), [])
            # Two requests may have reserved at once; both blocks are ours.
            block.extend(range(end, end - BLOCK, -1))
        return f"{prefix}{block.pop():07d}"
