"""Hands notices to rooms of chats, in the form of each kind. Data never becomes markup: it calls nobody, links nowhere."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from chassis.codec import from_document
from chassis.errors import Invalid, NotFound
from chassis.outbound import Outbound
from chassis.plugins import addressed, handed
from chassis.store import Store
from chassis.store.backend import Document
from services.gateway.deliveries.webhooks import judged
from services.gateway.deliveries.worker import Outcome
from services.gateway.domain.chat_room import ChatRoom, Kind
from services.gateway.ports import ChannelPlugin
from services.gateway.usecases.rooms import Addresses

_LONGEST = 3_000  # characters; Slack takes no longer section
_SLACK = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MARKDOWN = str.maketrans({each: f"\\{each}" for each in "\\`*_{}[]()#+-.!|~>"} | {"<": "&lt;", "&": "&amp;"})
_NOBODY = "\u200b"
"""After an `@` or a `~` it keeps what follows from being the name of somebody or of a channel."""
_CUT = re.compile(r"&[a-z]{0,3}\Z")  # what is left of a sign at the end of a text that was cut
_WORTH_ANOTHER = (408, 425, 429)


class ChatSender:
    """See `worker.Sender`. `plugins` serve addresses of their own."""

    def __init__(
        self, store: Store, outbound: Outbound, addresses: Addresses, plugins: Mapping[str, ChannelPlugin] | None = None
    ) -> None:
        self._store, self._outbound, self._addresses, self._plugins = store, outbound, addresses, plugins or {}

    async def send(self, delivery: Document) -> Outcome:
        """See `Sender`."""
        try:
            room = from_document(await self._store.document(ChatRoom, delivery["target_id"]), ChatRoom)
        except NotFound:
            return _over("the room was removed")
        if room.delete_time is not None:
            return _over("the room was removed")
        url = await self._addresses.of(room.id)
        if url is None:
            return _over("the room's address cannot be read any more: give it again")
        if (place := addressed(url)) is not None:
            return await self._by_plugin(*place, delivery)
        try:
            self._outbound.policy.check(url)
        except Invalid as refused:
            return _over("; ".join(refused.violations.values()))
        headers = {"content-type": "application/json", "user-agent": "itsm-chat", "idempotency-key": delivery["_id"]}
        body = orjson.dumps(payload(room.kind, delivery["content"], delivery))
        answer = await self._outbound.send("POST", url, headers, body)
        return settled(judged(answer, self._store.clock))

    async def _by_plugin(self, name: str, target: str, delivery: Document) -> Outcome:
        plugin = self._plugins.get(name)
        if plugin is None:  # it may be back after the next start
            return Outcome(False, f"the plugin {name} is not there")
        message = payload(Kind.GENERIC, delivery["content"], delivery)
        ended = await handed(lambda: plugin.send(target, delivery["_id"], message))
        return Outcome(ended.delivered, "" if ended.delivered else ended.why, retry=ended.retry)

    async def settled(self, delivery: Document, outcome: Outcome) -> None:
        """See `Sender`: nothing follows."""


def settled(outcome: Outcome) -> Outcome:
    """The outcome without another attempt where the receiver says that none helps: the address is another, or wrong."""
    status = outcome.status
    return replace(outcome, retry=False) if 400 <= status < 500 and status not in _WORTH_ANOTHER else outcome


def payload(kind: Kind, content: Mapping[str, Any], delivery: Mapping[str, Any]) -> dict[str, Any]:
    """What a room of this kind is sent."""
    title, text, url = content["title"], content["text"][:_LONGEST], content["url"]
    return _FORMS[kind](title, text, url, delivery)


def slack_text(text: str) -> str:
    """Text in which Slack finds no mention, channel or link."""
    return text.translate(_SLACK)


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is, in which nobody is called."""
    return text.translate(_MARKDOWN).replace("@", f"@{_NOBODY}").replace("\\~", f"\\~{_NOBODY}").replace("://", f":{_NOBODY}//")


def _slack(title: str, text: str, url: str, _: Mapping[str, Any]) -> dict[str, Any]:
    said = _CUT.sub("", f"{slack_text(title)}\n{slack_text(text)}"[:_LONGEST])
    shown = {"type": "mrkdwn", "text": said, "verbatim": True}
    link = {"type": "mrkdwn", "text": f"<{slack_text(url).replace('|', '%7C')}|→>", "verbatim": True}
    blocks = [{"type": "section", "text": shown}, {"type": "context", "elements": [link]}]
    return {"text": slack_text(title), "blocks": blocks, "unfurl_links": False, "unfurl_media": False, "link_names": False}


def _teams(title: str, text: str, url: str, _: Mapping[str, Any]) -> dict[str, Any]:
    # Runs of text are no Markdown, and a mention would need an entity of its own.
    lines = [_run(title, weight="Bolder"), *(_run(line) for line in text.splitlines() if line.strip())]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": lines,
        "actions": [{"type": "Action.OpenUrl", "title": "→", "url": url}],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _run(text: str, **style: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}


def _mattermost(title: str, text: str, url: str, _: Mapping[str, Any]) -> dict[str, Any]:
    link = url.replace("(", "%28").replace(")", "%29")
    return {"text": f"**{markdown_text(title)}**\n{markdown_text(text)}\n[→]({link})"}


def _generic(title: str, text: str, url: str, delivery: Mapping[str, Any]) -> dict[str, Any]:
    about = {"id": delivery["_id"], "eventType": delivery["event_type"], "subject": delivery["subject"]}
    return {"title": title, "text": text, "url": url, **about}


_FORMS: Mapping[Kind, Callable[[str, str, str, Mapping[str, Any]], dict[str, Any]]] = {
    Kind.SLACK: _slack,
    Kind.TEAMS: _teams,
    Kind.MATTERMOST: _mattermost,
    Kind.GENERIC: _generic,
}


def _over(why: str) -> Outcome:
    return Outcome(False, why, retry=False)
