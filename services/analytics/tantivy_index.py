"""The index, as tantivy keeps it on the disk of this process. See `ports.Index` for what each call means.

Fails: `Exhausted` when more is asked than can be answered soon. An index that cannot be opened, because another version made
it or a disk lost some of it, is thrown away and begins empty.
"""

import asyncio
import logging
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import tantivy
from tantivy import Document, Occur, Query

from chassis.errors import Exhausted
from services.analytics.domain.searching import LONGEST_WORD, Reach, Text, Wanted, slips, words_of

_log = logging.getLogger(__name__)

SCHEMA = 1
"""Raised when what is kept changes: an index of another number is made anew."""

_HEAP = 64 << 20
_WRITING = _READING = 1
_WAITING = 32
_RAW = ("key", "tenant", "kind", "number", "part_of", "facts", "about_kind", "internal", "language")

# What a find in this place counts, exact or by prefix (scored by rareness too), and where a slip is forgiven.
_TITLE, _BODY = 6.0, 1.0
_TITLE_BEGUN, _BODY_BEGUN = 2.0, 0.4
_TITLE_SLIP, _BODY_SLIP = 1.5, 0.2
_NUMBER, _NUMBER_BEGUN, _OWN_LANGUAGE = 1_000.0, 5.0, 2.0
_TITLE_BEGUN_FROM, _BODY_BEGUN_FROM, _NUMBER_BEGUN_FROM = 2, 4, 6  # letters that an unfinished word must have
_FEW = 3

T = TypeVar("T")


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in _RAW:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in ("title", "body"):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    builder.add_bytes_field("kept", stored=True)
    return builder.build()


class TantivyIndex:
    """See `ports.Index`. What is kept in `folder` beside it goes with it when it is thrown away."""

    def __init__(self, folder: Path) -> None:
        self._schema = _schema()
        self.folder = folder / f"v{SCHEMA}"
        self._index = _opened(self._schema, self.folder)
        self._writer: tantivy.IndexWriter | None = None
        self._writing = ThreadPoolExecutor(_WRITING, "search-write")
        self._reading = ThreadPoolExecutor(_READING, "search-read")
        self._asked = 0

    def close(self) -> None:
        """Lets go of the disk; what was not committed is lost, and comes again."""
        self._writing.shutdown()
        self._reading.shutdown()
        self._writer = None

    async def put(self, texts: Sequence[Text], gone: Collection[str] = ()) -> None:
        """See `ports.Index`."""
        await self._write(lambda writer: _put(writer, texts, gone))

    async def clear(self) -> None:
        """See `ports.Index`."""
        await self._write(lambda writer: writer.delete_all_documents())

    async def subjects(self, tenant: str, most: int) -> Sequence[str]:
        """See `ports.Index`."""
        query = self._term("tenant", tenant)
        return [text.subject for text in await self._read(lambda: self._found(query, most))]

    async def commit(self) -> None:
        """See `ports.Index`."""

        def commit(writer: tantivy.IndexWriter) -> None:
            writer.commit()
            self._index.reload()

        await self._write(commit)

    async def parts(self, tenant: str, subject: str) -> Sequence[str]:
        """See `ports.Index`."""
        query = self._term("part_of", f"{tenant}|{subject}")
        return [text.subject for text in await self._read(lambda: self._found(query, 10_000))]

    async def known(self, keys: Sequence[str]) -> dict[str, Text]:
        """See `ports.Index`."""
        if not keys:
            return {}
        query = Query.term_set_query(self._schema, "key", list(keys))
        return {text.key: text for text in await self._read(lambda: self._found(query, len(keys)))}

    async def find(
        self, tenant: str, wanted: Wanted, reaches: Sequence[Reach], limit: int, shown: Callable[[Text], T]
    ) -> list[T]:
        """See `ports.Index`. Slips are forgiven where little is found without, and half of the words do where nothing has all:
        either costs many times what an exact word does. Raises `Exhausted`.
        """
        if self._asked >= _WAITING:
            raise Exhausted("the search is busy", timedelta(seconds=1))

        def find() -> list[T]:
            within, every = self._within(tenant, reaches), len(wanted.words)
            found = self._found(self._whole(wanted, within, every, forgiving=False), limit)
            if len(found) < min(_FEW, limit):
                found = self._found(self._whole(wanted, within, every, forgiving=True), limit)
            if not found and every > 1:
                found = self._found(self._whole(wanted, within, (every + 1) // 2, forgiving=True), limit)
            return [shown(text) for text in found]

        self._asked += 1
        try:
            return await self._read(find)
        finally:
            self._asked -= 1

    async def _write(self, work: Callable[[tantivy.IndexWriter], Any]) -> None:
        def run() -> None:
            if self._writer is None:
                self._writer = self._index.writer(_HEAP, 1)
            work(self._writer)

        await asyncio.get_running_loop().run_in_executor(self._writing, run)

    async def _read(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reading, work)

    def _found(self, query: Query, limit: int) -> list[Text]:
        searcher = self._index.searcher()
        return [_text(searcher.doc(address)) for _, address in searcher.search(query, limit, count=False).hits]

    def _whole(self, wanted: Wanted, within: Query, least: int, *, forgiving: bool) -> Query:
        words = [(Occur.Should, self._word(word, last=word is wanted.words[-1], forgiving=forgiving)) for word in wanted.words]
        meant = Query.boolean_query(words, minimum_number_should_match=least)
        number = Query.const_score_query(self._term("number", wanted.number), _NUMBER)
        parts = [
            (Occur.Must, Query.boolean_query([(Occur.Should, meant), (Occur.Should, number)])),
            (Occur.Must, Query.const_score_query(within, 0.0)),
        ]
        if wanted.language:
            own = Query.const_score_query(self._term("language", wanted.language), _OWN_LANGUAGE)
            parts.append((Occur.Should, own))
        return Query.boolean_query(parts)

    def _word(self, word: str, *, last: bool, forgiving: bool) -> Query:
        """Whatever counts as this word: itself, a word that it begins, what it may be a slip of."""
        ways = [
            Query.boost_query(self._term("title", word), _TITLE),
            Query.boost_query(self._term("body", word), _BODY),
            Query.const_score_query(self._term("number", word.upper()), _NUMBER),
        ]
        allowed = slips(word) if forgiving else 0
        if allowed:
            ways += [self._near("title", word, allowed, _TITLE_SLIP), self._near("body", word, allowed, _BODY_SLIP)]
        if last and len(word) >= _TITLE_BEGUN_FROM:
            ways.append(self._near("title", word, 0, _TITLE_BEGUN, begun=True))
            if allowed:
                ways.append(self._near("title", word, 1, _BODY_SLIP, begun=True))
        if last and len(word) >= _BODY_BEGUN_FROM:
            ways.append(self._near("body", word, 0, _BODY_BEGUN, begun=True))
        if last and len(word) >= _NUMBER_BEGUN_FROM:
            ways.append(self._near("number", word.upper(), 0, _NUMBER_BEGUN, begun=True))
        return Query.disjunction_max_query(ways, 0.1)

    def _near(self, field: str, word: str, allowed: int, score: float, *, begun: bool = False) -> Query:
        query = Query.fuzzy_term_query(self._schema, field, word, allowed, transposition_cost_one=True, prefix=begun)
        return Query.const_score_query(query, score)

    def _within(self, tenant: str, reaches: Iterable[Reach]) -> Query:
        own = self._term("tenant", tenant)
        return _all([own, _any([self._reach(reach) for reach in reaches])])

    def _reach(self, reach: Reach) -> Query:
        parts = [self._term("kind", reach.kind), *(self._filter(bound) for bound in reach.bounds)]
        if reach.about:
            parts.append(self._term("about_kind", reach.about))
        if reach.public:
            parts.append(self._term("internal", "no"))
        return _all(parts)

    def _filter(self, bound: Mapping[str, Any]) -> Query:
        """A filter over facts. What is not understood lets nothing through."""
        parts = []
        for name, value in bound.items():
            match name, value:
                case "$and", list() | tuple():
                    parts.append(_all([self._filter(each) for each in value]))
                case "$or", list() | tuple():
                    parts.append(_any([self._filter(each) for each in value]))
                case _, {"$in": list() as several, **more} if not more and not name.startswith("$"):
                    parts.append(_any([self._term("facts", f"{name}={each}") for each in several]))
                case _, str() | int() if not name.startswith("$"):
                    parts.append(self._term("facts", f"{name}={value}"))
                case _:
                    _log.error("A row scope is not understood; it hides what it bounds.", extra={"field": name})
                    parts.append(Query.empty_query())
        return _all(parts)

    def _term(self, field: str, value: str) -> Query:
        return Query.term_query(self._schema, field, value, index_option="basic")


def _all(parts: Sequence[Query]) -> Query:
    return Query.boolean_query([(Occur.Must, part) for part in parts]) if parts else Query.empty_query()


def _any(parts: Sequence[Query]) -> Query:
    return Query.boolean_query([(Occur.Should, part) for part in parts]) if parts else Query.empty_query()


def _opened(schema: tantivy.Schema, folder: Path) -> tantivy.Index:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return tantivy.Index(schema, path=str(folder))
    except ValueError as error:
        _log.warning("The index cannot be opened and is made anew.", extra={"reason": str(error)})
        shutil.rmtree(folder)
        folder.mkdir()
        return tantivy.Index(schema, path=str(folder))


def _put(writer: tantivy.IndexWriter, texts: Sequence[Text], gone: Collection[str]) -> None:
    for key in (*gone, *(text.key for text in texts)):
        writer.delete_documents_by_term("key", key)
    for text in texts:
        writer.add_document(_document(text))


def _document(text: Text) -> Document:
    fields: dict[str, Sequence[str]] = {
        "key": [text.key],
        "tenant": [text.tenant],
        "kind": [text.kind],
        "facts": text.facts,
        "internal": ["yes" if text.internal else "no"],
        "language": [text.language.partition("-")[0].lower()],
        "body": [_plain(text.body)],
    }
    if text.about:  # its number and title are those of a record that is found by itself
        fields |= {"part_of": [f"{text.tenant}|{text.about}"], "about_kind": [text.about.partition("/")[0]]}
    else:
        fields |= {"number": [text.number.upper()], "title": [_plain(text.title)]}
    document = Document()
    for name, values in fields.items():
        for value in values:
            document.add_text(name, value)
    document.add_bytes("kept", msgspec.msgpack.encode(text))
    return document


def _plain(text: str) -> str:
    """The words that the index has of a text: the same that queries and highlights have."""
    return " ".join(word for _, _, word in words_of(text) if len(word) <= LONGEST_WORD)


def _text(document: Document) -> Text:
    kept: Any = document.get_first("kept")
    return msgspec.msgpack.decode(bytes(kept), type=Text)
