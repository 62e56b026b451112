"""Links in mails by which one person answers one question without signing in: a vote, or how it was.

A link holds a proof: sealed, for one person, one question and one stage of it, until the question ends and for two weeks at
most. It permits nothing else, and what it permits the service that asks decides as if the person had signed in. Looking at it
does nothing, because programs look at every link of a mail. Which questions may be answered so is a setting: by default how it
was, and votes only by who signs in.

Fails: `Invalid` for what is no proof of ours, or is none any more.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from chassis import context as ctx
from chassis.domain import Clock
from chassis.errors import Invalid
from chassis.sealing import Sealing
from services.gateway.domain.delivery import Channel
from services.gateway.usecases.addressing import Matter, Notice

PATH = "/answer"
LONGEST = timedelta(days=14)
_ABOUT = "answer"
_MOST_TEXT = 1024


class Question(StrEnum):
    """What is asked."""

    VOTE = "approvals"
    SURVEY = "surveys"


class Allowed(StrEnum):
    """Which questions are answered without signing in."""

    NONE = "none"
    SURVEYS = "surveys"
    ALL = "all"

    def permits(self, question: Question) -> bool:
        """Whether this question is one of them."""
        return self is Allowed.ALL or (self is Allowed.SURVEYS and question is Question.SURVEY)


class Proof(msgspec.Struct, frozen=True, array_like=True):
    """That somebody was asked something. `stage` counts the stages of a vote; `until` is in seconds since the epoch."""

    question: Question
    tenant: str
    id: str
    person: str
    stage: int
    until: int


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads links. `url` is the public address of the installation."""

    sealing: Sealing
    clock: Clock
    url: str
    allowed: Allowed

    def of(self, matter: Matter, notice: Notice) -> str:
        """The link for somebody who is told of something; empty where it asks nothing of this person, or goes another way."""
        found = _asked(matter)
        if found is None or notice.channel is not Channel.MAIL or not self.allowed.permits(found[0]):
            return ""
        question, record = found
        named = record.get("voterIds", ()) if question is Question.VOTE else (record.get("requesterId"),)
        if notice.target_id not in named:
            return ""
        now = self.clock()
        until = min(_instant(record.get("expireTime")) or now + LONGEST, now + LONGEST)
        return self.link(
            Proof(
                question,
                ctx.current().tenant,
                str(record["id"]),
                notice.target_id,
                open_stage(record) if question is Question.VOTE else 0,
                int(until.timestamp()),
            )
        )

    def link(self, proof: Proof) -> str:
        """The address that shows this proof."""
        sealed = self.sealing.seal(base64.b64encode(msgspec.msgpack.encode(proof)).decode(), _ABOUT)
        return f"{self.url.rstrip('/')}{PATH}/{base64.urlsafe_b64encode(base64.b64decode(sealed)).decode().rstrip('=')}"

    def opened(self, text: str) -> Proof:
        """What a link proves now. Raises `Invalid`."""
        try:
            if len(text) > _MOST_TEXT:
                raise ValueError(len(text))
            raw = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
            plain = self.sealing.open(raw, _ABOUT)
            proof = msgspec.msgpack.decode(base64.b64decode(plain or "", validate=True), type=Proof)
        except (ValueError, binascii.Error, msgspec.DecodeError):
            raise Invalid({"": "this link is none of ours"}, reason="LINK_UNKNOWN") from None
        if proof.until <= self.clock().timestamp():
            raise Invalid({"": "this link is too old"}, reason="LINK_OVER")
        if not self.allowed.permits(proof.question):
            raise Invalid({"": "this is answered by who signs in"}, reason="LINK_OFF")
        return proof


def open_stage(record: Mapping[str, Any]) -> int:
    """Which stage of an approval is open, counted from 0; -1 where none is."""
    states = [stage.get("state") for stage in record.get("stages", ())]
    return states.index("OPEN") if "OPEN" in states else -1


def _asked(matter: Matter) -> tuple[Question, Mapping[str, Any]] | None:
    if matter.subject.startswith(f"{Question.VOTE}/"):
        return Question.VOTE, matter.record
    if matter.event.subject.startswith(f"{Question.SURVEY}/") and matter.part:
        return Question.SURVEY, matter.part
    return None


def _instant(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
