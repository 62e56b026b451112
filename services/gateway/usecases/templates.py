"""Templates: making, changing, finding them, and showing what somebody would read."""

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.domain import Ids, new_id
from chassis.errors import AlreadyExists, Invalid
from chassis.listing import Listing
from chassis.store import Store, Transaction
from services.gateway.domain.delivery import Channel
from services.gateway.domain.template import Template
from services.gateway.templates import shipped
from services.gateway.templates.sandbox import check
from services.gateway.templates.shipped import Words
from services.gateway.usecases.reading import Asked, Document, Paged
from services.gateway.usecases.shelf import Shelf
from services.gateway.usecases.wording import Letter, written

MOST = 500
"""How many templates a tenant may have."""
_FIXED = ("name", "channel", "locale")
"""What a template is known by: chosen once."""


class Templates:
    """What callers may do with templates. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, listing: Listing, *, ids: Ids = new_id) -> None:
        self._store, self._ids = store, ids
        self._shelf = Shelf(store, Template, listing, "template")

    async def create(self, fields: Mapping[str, Any]) -> Template:
        """A new one. Raises `Invalid` naming field, line and reason, `AlreadyExists`."""
        await self._shelf.require_room(MOST)
        template = Template.made(id=self._ids("tpl"), at=self._store.clock(), **fields)
        _judge(template)
        async with self._store.transaction() as tx:
            await self._take(tx, template)
            tx.add(template)
        return template

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> Template:  # noqa: A002 - as its field
        """Changes named fields. Raises as `create`."""
        async with self._shelf.changing(id, etag) as template:
            _refuse_another(template, fields)
            template.edit(self._store.clock(), **fields)
            _judge(template)
        return template

    async def delete(self, id: str, *, etag: str = "") -> Template:  # noqa: A002 - as above
        """It is gone."""
        async with self._store.transaction() as tx, self._shelf.changing(id, etag) as template:
            template.delete(self._store.clock())
            tx.release("template", _key(template))
        return template

    async def get(self, id: str) -> Document:  # noqa: A002 - as above
        """One template, to become a message. Raises `NotFound`."""
        return await self._shelf.get(id)

    async def page(self, asked: Asked) -> Paged:
        """A page of the templates that match."""
        return await self._shelf.page(asked)

    def shipped(self) -> Sequence[tuple[str, Channel, str, Words]]:
        """What comes with the platform."""
        return list(shipped.shipped())

    def preview(self, fields: Mapping[str, Any], data: Mapping[str, Any]) -> Letter:
        """What somebody would read of a template that need not be kept. Raises `Invalid`."""
        template = Template.made(id="tpl_preview", at=self._store.clock(), **fields)
        _judge(template)
        return written(Words(template.subject, template.body, template.html), template.channel, template.locale, data)

    async def _take(self, tx: Transaction, template: Template) -> None:
        if (holder := await tx.holder("template", _key(template))) is not None:
            raise AlreadyExists("template", holder, f"{template.name} has words for {template.channel} in {template.locale}")
        tx.claim("template", _key(template), template.id)


def _key(template: Template) -> str:
    return f"{template.name}|{template.channel}|{template.locale}"


def _refuse_another(template: Template, fields: Mapping[str, Any]) -> None:
    fixed = [name for name in _FIXED if name in fields and fields[name] != getattr(template, name)]
    if fixed:
        raise Invalid(dict.fromkeys(fixed, "cannot be changed"))


def _judge(template: Template) -> None:
    wrong: dict[str, str] = {}
    for name in ("subject", "body", "html"):
        try:
            check(getattr(template, name), name, escaped=name == "html")
        except Invalid as refused:
            wrong |= refused.violations
    if wrong:
        raise Invalid(wrong)
