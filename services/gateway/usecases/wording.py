"""In which words something is told: the templates of the tenant before those of the platform, filled with what happened."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis import context as ctx
from chassis.errors import Invalid
from chassis.store import Store
from services.gateway.domain.delivery import Channel
from services.gateway.domain.template import LOCALE, spoken
from services.gateway.templates.sandbox import fill, one_line, paragraphs
from services.gateway.templates.shipped import FALLBACK, SHIPPED, Words

_log = logging.getLogger(__name__)

TEMPLATES = "templates"

Known = Mapping[tuple[str, Channel, str], Words]


@dataclass(frozen=True, slots=True)
class Letter:
    """What one person reads. `html` is for mail only."""

    subject: str
    text: str
    html: str
    locale: str


class Wording:
    """Finds and fills. `usual` is the language where nobody wants another."""

    def __init__(self, store: Store, usual: str = LOCALE) -> None:
        self._store, self._usual = store, usual
        self._known: dict[str, tuple[datetime, Known]] = {}

    async def own(self, at: datetime) -> Known:
        """The templates of the current tenant, as they were after `at`."""
        tenant = ctx.current().tenant
        known = self._known.get(tenant)
        if known is None or known[0] <= at:
            now = self._store.clock()
            rows = await self._store.find(TEMPLATES, {"delete_time": None})
            own = {
                (row["name"], Channel(row["channel"]), row["locale"]): Words(row["subject"], row["body"], row["html"])
                for row in rows
            }
            known = self._known[tenant] = (now, own)
        return known[1]

    def letter(self, own: Known, name: str, channel: Channel, locale: str, data: Mapping[str, Any]) -> Letter:
        """What a template says; where it fails with this record, what comes with the platform says it."""
        for known, called in ((own, name), (SHIPPED, name), (SHIPPED, FALLBACK)):
            there = {key[2] for key in known if key[:2] == (called, channel)}
            for language in spoken(locale or self._usual, there, self._usual)[:1]:
                try:
                    return written(known[called, channel, language], channel, language, data)
                except Invalid as wrong:
                    why = {"template": called, "locale": language, "why": str(wrong.violations)[:500]}
                    _log.warning("A template could not be filled.", extra=why)
        raise RuntimeError(f"nothing of the platform says {name} by {channel}")


def written(words: Words, channel: Channel, locale: str, data: Mapping[str, Any]) -> Letter:
    """What a template says of data. Raises `Invalid`."""
    subject = one_line(fill(words.subject, data, "subject"))
    text = fill(words.body, data, "body")
    markup = ""
    if channel is Channel.MAIL:
        markup = fill(words.html, data, "html", escaped=True) if words.html else paragraphs(text)
    return Letter(subject, text, markup, locale)
