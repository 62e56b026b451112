"""Templates: in which words somebody is told, by one way out and in one language."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from itsm.gateway import v1 as pb

from chassis.domain import Aggregate, Event
from chassis.errors import Invalid
from services.gateway.domain.delivery import Channel

SUBJECT_LENGTH = 500
BODY_LENGTH = 16 * 1024
LOCALE = "en"
"""What is spoken where nothing else is said or there."""
WAYS = (Channel.MAIL, Channel.CHAT, Channel.PUSH)
"""The ways out that speak in words of ours."""

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)


@dataclass(slots=True, kw_only=True)
class Template(Aggregate):
    """A text with places for what happened. What may stand in it is judged by `templates/sandbox.py`."""

    name: str
    channel: Channel
    locale: str
    subject: str
    body: str
    html: str = ""
    delete_time: datetime | None = None
    create_time: datetime
    update_time: datetime

    @classmethod
    def made(cls, *, id: str, at: datetime, **given: Any) -> Self:  # noqa: A002 - as its field
        """A new one. Raises `Invalid`."""
        missing = {name: "is needed" for name in ("name", "channel", "locale", "subject", "body") if not given.get(name)}
        if missing:
            raise Invalid(missing)
        template = cls(id=id, create_time=at, update_time=at, **given)
        template.validate()
        template.record(pb.TemplateCreated())
        return template

    def edit(self, at: datetime, **fields: Any) -> None:
        """Changes named fields. Nothing changed, nothing is told. Raises `Invalid`."""
        fields = {name: value for name, value in fields.items() if getattr(self, name) != value}
        for name, value in fields.items():
            setattr(self, name, value)
        if fields:
            self.validate()
            self._changed(pb.TemplateUpdated(), at)

    def delete(self, at: datetime) -> None:
        """It is gone; what comes with the platform says it again."""
        self.delete_time = at
        self._changed(pb.TemplateDeleted(), at)

    def validate(self) -> None:
        """Raises `Invalid`, naming the fields."""
        wrong = {}
        if len(self.name) > 100 or not NAME.fullmatch(self.name):
            wrong["name"] = "needs words in lower case with - between them, 100 characters at most"
        if self.channel not in WAYS:
            wrong["channel"] = f"must be one of {', '.join(WAYS)}"
        if (why := wrong_locale(self.locale)) is not None:
            wrong["locale"] = why
        if not 0 < len(self.subject.strip()) <= SUBJECT_LENGTH or "\n" in self.subject:
            wrong["subject"] = f"needs one line of 1 to {SUBJECT_LENGTH} characters"
        if not 0 < len(self.body.strip()) <= BODY_LENGTH:
            wrong["body"] = f"needs 1 to {BODY_LENGTH} characters"
        if len(self.html) > BODY_LENGTH:
            wrong["html"] = f"may have {BODY_LENGTH} characters at most"
        if self.html and self.channel is not Channel.MAIL:
            wrong["html"] = "is for mail only"
        if wrong:
            raise Invalid(wrong)

    def _changed(self, event: Event, at: datetime) -> None:
        self.update_time = at
        self.record(event)


def wrong_locale(locale: str) -> str | None:
    """Why this is no name of a language; None where it is one."""
    return None if len(locale) <= 35 and _LOCALE.fullmatch(locale) else "must be a language such as en or de-CH"


def spoken(locale: str, known: set[str], usual: str) -> list[str]:
    """The languages to try for somebody, the best first: `de-CH` also understands `de`, and everybody the usual one."""
    wanted = [locale, locale.partition("-")[0], usual, usual.partition("-")[0], LOCALE]
    return [each for each in dict.fromkeys(wanted) if each in known]
