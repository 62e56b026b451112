"""Speaks to drivers as the router of a sharded Mongo does, with the router that is part of each shard server.

A shard server can route as `mongos` does, for its own needs, by commands of other names (`clusterFind`, say): through its
routing table, shard versions and merging of answers. Those do all that is outside of a transaction. What they cannot do
from outside, transactions and `findAndModify`, goes to the shards that the key of each document names, and a commit
over several shards is given to the servers' own coordinator. A write there without the whole key is refused.
"""

import asyncio
import struct
import threading
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

import bson
from bson import MaxKey, MinKey

Document = dict[str, Any]

_MESSAGE, _QUERY, _REPLY = 2013, 2004, 1
_ROUTED = {
    "find": "clusterFind",
    "getMore": "clusterGetMore",
    "insert": "clusterInsert",
    "update": "clusterUpdate",
    "delete": "clusterDelete",
    "aggregate": "clusterAggregate",
}
_WRITES = {"insert": "documents", "update": "updates", "delete": "deletes"}
_IN_TRANSACTION = ("lsid", "txnNumber", "autocommit")
_STRING = 15  # how the hash of a shard key names the type
_HELLO = {
    "ismaster": True,
    "msg": "isdbgrid",
    "maxBsonObjectSize": 16 << 20,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "logicalSessionTimeoutMinutes": 30,
    "minWireVersion": 0,
    "maxWireVersion": 17,
    "ok": 1.0,
}


def hashed(value: str) -> int:
    """What a hashed shard key makes of a string: the first half of a digest of its seed, type and bytes."""
    content = value.encode() + b"\0"
    digest = md5(struct.pack("<iii", 0, _STRING, len(content)) + content, usedforsecurity=False).digest()
    return int(struct.unpack("<q", digest[:8])[0])


def _order(value: Any) -> tuple[int, Any]:
    """Smallest, ordinary and largest values of one field of a bound."""
    return (0, 0) if isinstance(value, MinKey) else (2, 0) if isinstance(value, MaxKey) else (1, value)


@dataclass(slots=True)
class Table:
    """Where the documents of the sharded collections are: what the config server's chunks say."""

    home: str
    chunks: dict[str, list[Document]] = field(default_factory=dict)

    def shard(self, collection: str, named: Mapping[str, Any]) -> str:
        """Raises `KeyError` where a document or query of a sharded collection does not name the whole key."""
        if collection not in self.chunks:
            return self.home
        place = (_order(named["tenant"]), _order(hashed(named["_id"])))
        for chunk in self.chunks[collection]:
            low, high = ([_order(chunk[end][name]) for name in ("tenant", "_id")] for end in ("min", "max"))
            if tuple(low) <= place < tuple(high):
                return str(chunk["shard"])
        raise LookupError(f"no chunk of {collection} holds {place}")


class Router:
    """A server on the loopback; `shards` are the ports of the shard servers by name."""

    def __init__(self, shards: Mapping[str, int], table: Table) -> None:
        self._shards, self.table = shards, table
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.Task[None]] = set()
        self.spread = 0  # transactions that were committed over several shards

    async def start(self, port: int) -> None:
        """Begins to listen, in a thread of its own: a driver that blocks would else wait for what it keeps from running."""
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        await self._there(self._listen(port))

    async def stop(self) -> None:
        """Ends all connections."""
        await self._there(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _there(self, work: Coroutine[Any, Any, None]) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _listen(self, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        connection = _Connection(self, self._shards)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    number, asked = await _read(reader)
                    answer = _HELLO if asked is None else await connection.answer(asked)
                    writer.write(_reply(number, answer) if asked is None else _message(number, answer))
                    await writer.drain()
        finally:
            self._open.discard(task)
            writer.close()
            connection.close()


class _Connection:
    """One driver's connection. A driver keeps to one for the length of a transaction."""

    def __init__(self, router: Router, shards: Mapping[str, int]) -> None:
        self._router, self._ports = router, shards
        self._streams: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        self._participants: list[str] = []

    async def answer(self, asked: Document) -> Document:
        command, table = next(iter(asked)), self._router.table
        if command.lower() in ("hello", "ismaster"):
            return _HELLO
        if command in ("endSessions", "ping", "killCursors"):
            return {"ok": 1.0}
        if command == "createIndexes":
            for shard in self._ports:
                answer = await self._ask(shard, _outside(asked))
            return answer
        if command == "listCollections":
            return await self._ask(table.home, _outside(asked))
        if command in ("commitTransaction", "abortTransaction"):
            return await self._end(command, asked)
        if "autocommit" in asked:
            return await self._within(command, asked)
        if command == "findAndModify":
            return await self._to_owner(str(asked[command]), asked["query"], _outside(asked))
        body = _outside(asked)
        return await self._ask(table.home, {_ROUTED[command]: body.pop(command), **body})

    async def _to_owner(self, collection: str, named: Mapping[str, Any], body: Document) -> Document:
        try:
            shard = self._router.table.shard(collection, named)
        except KeyError as error:
            return {"ok": 0.0, "code": 61, "codeName": "ShardKeyNotFound", "errmsg": f"{collection}: no {error} in {named}"}
        return await self._ask(shard, body)

    async def _within(self, command: str, asked: Document) -> Document:
        """Each write of a command goes to the shard of its document; the answers are added up."""
        if asked.pop("startTransaction", False):
            self._participants = []
        collection, many = str(asked[command]), _WRITES[command]
        rest = {name: value for name, value in asked.items() if name not in (command, many, "readConcern")}
        total: Document = {"n": 0, "ok": 1.0}
        for index, each in enumerate(asked[many]):
            named = each if command == "insert" else each["q"]
            try:
                shard = self._router.table.shard(collection, named)
            except KeyError as error:
                return {"ok": 0.0, "code": 61, "codeName": "ShardKeyNotFound", "errmsg": f"{collection}: no {error} in {named}"}
            begins: Document = {}
            if shard not in self._participants:
                begins = {"startTransaction": True, "readConcern": asked.get("readConcern", {})}
                begins |= {} if self._participants else {"coordinator": True}
                self._participants.append(shard)
            answer = await self._ask(shard, {command: collection, many: [each], **rest, **begins})
            if answer["ok"] != 1 or answer.get("writeErrors"):
                return answer
            total["n"] += answer["n"]
            if "nModified" in answer:
                total["nModified"] = total.get("nModified", 0) + answer["nModified"]
            total.setdefault("upserted", []).extend({**made, "index": index} for made in answer.get("upserted", ()))
        return total if total.get("upserted") else {name: value for name, value in total.items() if name != "upserted"}

    async def _end(self, command: str, asked: Document) -> Document:
        within = {name: asked[name] for name in (*_IN_TRANSACTION, "$db")}
        majority = {"writeConcern": {"w": "majority"}}
        if command == "abortTransaction":
            answers = [await self._ask(shard, {command: 1, **within}) for shard in self._participants]
            return next((each for each in answers if each["ok"] != 1), {"ok": 1.0})
        if len(self._participants) < 2:
            return await self._ask((self._participants or [self._router.table.home])[0], {command: 1, **within, **majority})
        self._router.spread += 1
        participants = [{"shardId": shard} for shard in self._participants]
        body = {"coordinateCommitTransaction": 1, "participants": participants, **within, **majority}
        return await self._ask(self._participants[0], body)

    async def _ask(self, shard: str, body: Document) -> Document:
        if shard not in self._streams:
            self._streams[shard] = await asyncio.open_connection("127.0.0.1", self._ports[shard])
        reader, writer = self._streams[shard]
        writer.write(_message(0, body))
        await writer.drain()
        _, answer = await _read(reader)
        assert answer is not None
        return answer

    def close(self) -> None:
        """Ends what it opened."""
        for _, writer in self._streams.values():
            writer.close()


def _outside(asked: Document) -> Document:
    """Without the session: a server that routes to itself would wait for the session that it holds."""
    return {name: value for name, value in asked.items() if name not in (*_IN_TRANSACTION, "$clusterTime")}


async def _read(reader: asyncio.StreamReader) -> tuple[int, Document | None]:
    """The number and body of a message; no body stands for the first greeting of a driver, which is of an older kind."""
    length, number, _, kind = struct.unpack("<iiii", await reader.readexactly(16))
    content = await reader.readexactly(length - 16)
    if kind == _QUERY:
        return number, None
    if kind != _MESSAGE:
        raise ConnectionError(f"messages of kind {kind} are not understood")
    return number, _body(content[4:])


def _body(content: bytes) -> Document:
    body: Document = {}
    lists: dict[str, list[Document]] = {}
    at = 0
    while at < len(content):
        section, size = content[at], struct.unpack_from("<i", content, at + 1)[0]
        part = content[at + 1 : at + 1 + size]
        if section == 0:
            body = bson.decode(part)
        else:
            end = part.index(b"\0", 4)
            lists[part[4:end].decode()] = list(bson.decode_all(part[end + 1 :]))
        at += 1 + size
    return {**body, **lists}


def _message(answers: int, body: Mapping[str, Any]) -> bytes:
    content = struct.pack("<IB", 0, 0) + bson.encode(body)
    return struct.pack("<iiii", 16 + len(content), 1, answers, _MESSAGE) + content


def _reply(answers: int, body: Mapping[str, Any]) -> bytes:
    content = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(body)
    return struct.pack("<iiii", 16 + len(content), 1, answers, _REPLY) + content
