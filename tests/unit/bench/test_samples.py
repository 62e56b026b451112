"""The bench's sender of samples: what it sends, and what it counts."""

import httpx

from bench.samples import BATCH, Sender
from services.monitor.ingest import remote_write
from services.monitor.usecases.catalog import Remembered
from services.monitor.usecases.incoming import person


async def test_a_round_has_one_sample_of_each_series_in_requests_of_a_batch() -> None:
    async with httpx.AsyncClient() as http:
        sender = Sender(http, BATCH + 5)
        sizes, series = [], set()
        for body, size in sender.bodies(1_700_000_000_000):
            incoming = remote_write.decode(remote_write.decompressed(body), person("main"), Remembered())
            assert (incoming.received, set(incoming.times), incoming.refused) == (size, {1_700_000_000_000}, {})
            series |= {unseen.labels for unseen in incoming.unseen.values()}
            sizes.append(size)
    assert sizes == [BATCH, 5]
    assert len(series) == BATCH + 5


async def test_what_is_not_taken_is_an_error_and_how_long_answers_take_is_told() -> None:
    answers = iter([204, 503, 204])
    transport = httpx.MockTransport(lambda _: httpx.Response(next(answers), text="later"))
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as http:
        sender = Sender(http, 1)
        for _ in range(3):
            await sender.send(b"")
    told = sender.figures()
    assert (told["errors"], told["first_error"]) == (1, "503 later")
    assert 0 <= told["p50"] <= told["p95"] <= told["p99"]
