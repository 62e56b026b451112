"""Pages of a list: a keyset in a signed token, never a number of rows to skip.

A token holds the position of the last row, when the first page was asked for (so that `ago("24h")` means the same on
every page) and a hash of tenant, resource, filter and order. A walk through the pages therefore gives each row that
exists throughout it exactly once, whatever is inserted meanwhile, unless the values that decide its place change.

How it can fail: `Invalid` on `filter`, `orderBy`, `pageSize`; on `pageToken` with the reason `MALFORMED` when the token
is altered, was signed with another key, belongs to another query or is older than three days.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, cmp_to_key, lru_cache
from typing import Any, TypeVar

import msgspec

from chassis.errors import Invalid
from chassis.listing.compiled import Query, compile_predicate, compile_query
from chassis.listing.facets import asked
from chassis.listing.fields import Document, Fields, utc
from chassis.listing.filter import parse
from chassis.listing.order import Order, after, compare, parse_order, position
from chassis.listing.tree import Node

DEFAULT_SIZE = 50
MAX_SIZE = 200
LIFETIME = timedelta(days=3)
MAX_TOKEN = 16_384
_MAC_BYTES = 32
_HASH_BYTES = 16

D = TypeVar("D", bound=Document)


class _Place(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    query: bytes
    since: datetime
    last: list[Any]


_decoder = msgspec.msgpack.Decoder(_Place)


class Page:
    """What one request of a list means to the store: `query`, `sort`, `limit`, then `cut` on what was found.

    The query does not name the tenant: the store adds it, as to every query. `limit` is one more than the page holds,
    so that a page knows whether another one follows.
    """

    def __init__(self, tree: Node, order: Order, size: int, place: _Place, sign: Callable[[_Place], str]) -> None:
        self._tree = tree
        self._order = order
        self._place = place
        self._sign = sign
        self.size = size
        self.limit = size + 1

    @cached_property
    def query(self) -> Query:
        """The filter and the beginning of this page, as a Mongo query."""
        wanted = compile_query(self._tree, self._place.since)
        if not self._place.last:
            return wanted
        behind = after(self._order, self._place.last)
        return {"$and": [wanted, behind]} if wanted else behind

    @property
    def last(self) -> list[Any]:
        """The position of the row before this page, a value per step of the order; empty on the first page."""
        return list(self._place.last)

    @property
    def sort(self) -> list[tuple[str, int]]:
        """The order, as Mongo takes it."""
        return [(step.field.path, step.direction) for step in self._order]

    @cached_property
    def predicate(self) -> Callable[[Document], bool]:
        """The same condition as `query`, for documents in memory."""
        wanted = compile_predicate(self._tree, lambda: self._place.since)
        last, order = self._place.last, self._order
        if not last:
            return wanted
        return lambda document: compare(order, position(order, document), last) > 0 and wanted(document)

    @cached_property
    def sort_key(self) -> Callable[[Document], Any]:
        """The key that sorts documents in memory into the order of `sort`."""
        order = self._order

        def compared(left: list[Any], right: list[Any]) -> int:
            return compare(order, left, right)

        key = cmp_to_key(compared)
        return lambda document: key(position(order, document))

    def cut(self, found: Sequence[D]) -> tuple[Sequence[D], str]:
        """The rows of this page, and the token of the next one or an empty text, from up to `limit` sorted rows."""
        if len(found) <= self.size:
            return found, ""
        return found[: self.size], self.next_token(found[self.size - 1])

    def next_token(self, last: Document) -> str:
        """The token for what comes after `last`, a stored document of this page."""
        return self._sign(_Place(self._place.query, self._place.since, position(self._order, last)))


@dataclass(frozen=True, slots=True)
class _Signer:
    key: bytes

    def sign(self, place: _Place) -> str:
        body = msgspec.msgpack.encode(place)
        return _text(self._mac(body) + body)

    def read(self, token: str) -> _Place:
        """Raises `Invalid` unless this key signed exactly this token."""
        foreign = _malformed("it is altered, or not a token of this platform")
        if len(token) > MAX_TOKEN:
            raise foreign
        try:
            raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raise foreign from None
        body = raw[_MAC_BYTES:]
        if not hmac.compare_digest(raw[:_MAC_BYTES], self._mac(body)) or token != _text(raw):
            raise foreign
        try:
            return _decoder.decode(body)
        except msgspec.DecodeError:  # signed by us, in the shape of another release
            raise _malformed("it was given by another release; begin again without a token") from None

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self.key, b"page:" + body, "sha256")


class Listing:
    """The lists of one resource.

    `key` signs tokens and must be the same in every process that serves the resource; `default_order` is used when the
    caller names none. Only fields of `fields` can be filtered or ordered by.
    """

    def __init__(
        self,
        resource: str,
        fields: Fields,
        default_order: str,
        key: bytes,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if len(key) < 16:
            raise ValueError("the key that signs page tokens has at least 16 bytes")
        self.resource = resource
        self.fields = fields
        self._default_order = default_order
        self._signer = _Signer(key)
        self._clock = clock
        parse_order(default_order, fields)
        self.parse: Callable[[str], Node] = lru_cache(maxsize=256)(lambda text: parse(text, fields))
        """The tree of a filter over this resource, kept for the next time. Raises `Invalid`."""

    def page(
        self, tenant: str, filter_text: str = "", order_by: str = "", page_size: int | None = None, page_token: str = ""
    ) -> Page:
        """The page that a request asks for; `page_size` None means 50. Raises `Invalid`."""
        size = DEFAULT_SIZE if page_size is None else page_size
        if not 1 <= size <= MAX_SIZE:
            raise Invalid({"pageSize": f"expected 1 to {MAX_SIZE}, not {size}"})
        order = parse_order(order_by or self._default_order, self.fields)
        tree = self.parse(filter_text)
        if (facets := asked()) is not None:
            facets.settle(self.fields)
        query = self._hash(tenant, filter_text, order)
        now = utc(self._clock())
        if not page_token:
            return Page(tree, order, size, _Place(query, now, []), self._signer.sign)
        place = self._signer.read(page_token)
        if place.query != query:
            raise _malformed("it belongs to another filter, order or list; begin again without a token")
        if now - place.since > LIFETIME:
            raise _malformed(f"it is older than {LIFETIME.days} days; begin again without a token")
        return Page(tree, order, size, place, self._signer.sign)

    def _hash(self, tenant: str, filter_text: str, order: Order) -> bytes:
        steps = [(step.field.path, step.direction) for step in order]
        facts = msgspec.msgpack.encode((tenant, self.resource, filter_text.strip(), steps))
        return hashlib.sha256(facts).digest()[:_HASH_BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _malformed(why: str) -> Invalid:
    return Invalid({"pageToken": f"this page token cannot be used: {why}"}, reason="MALFORMED")
