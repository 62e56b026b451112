"""Compression of answers for clients that take it: what is large enough to be worth it, quickly rather than well."""

import zlib

from services.gateway.rest.answers import Answer
from services.gateway.rest.exchange import Exchange

WORTH = 1024
_LEVEL = 1
PACKED = (b"content-encoding", b"gzip")
"""The header of what is compressed already."""
_GZIP = 16 + zlib.MAX_WBITS


def pack(answer: Answer, exchange: Exchange) -> None:
    """Compresses the body in place where that helps; says in any case what the answer depends on."""
    if not answer.body:
        return
    answer.headers.append((b"vary", b"accept-encoding"))
    if len(answer.body) < WORTH or not exchange.takes("gzip") or PACKED in answer.headers:
        return
    answer.body = packed(answer.body, _LEVEL)
    answer.headers.append(PACKED)


def packed(body: bytes, level: int) -> bytes:
    """The body, compressed."""
    packer = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
    return packer.compress(body) + packer.flush()
