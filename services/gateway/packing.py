"""Compression of answers for clients that take it: what is large enough to be worth it, quickly rather than well."""

import zlib

from services.gateway.answers import Answer
from services.gateway.exchange import Exchange

WORTH = 1024
_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS


def pack(answer: Answer, exchange: Exchange) -> None:
    """Compresses the body in place where that helps; says in any case what the answer depends on."""
    if not answer.body:
        return
    answer.headers.append((b"vary", b"accept-encoding"))
    if len(answer.body) < WORTH or not exchange.takes("gzip"):
        return
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    answer.body = packer.compress(answer.body) + packer.flush()
    answer.headers.append((b"content-encoding", b"gzip"))
