"""What goes out of the platform by itself or piece by piece: streams, deliveries to receivers, lists as files."""

import asyncio
import json
import re
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from tests.e2e.attacks.test_connections import open_files
from tests.support.attempts import Attempt, attempted, raw
from tests.support.callers import Callers
from tests.support.events import listening
from tests.support.eventually import eventually
from tests.support.gateway import Gateway
from tests.support.platform import GATEWAYS
from tests.support.push import Browser
from tests.support.receiver import receiving
from tests.support.universal import Reader, watched

OPENED = "itsm.incident.v1.IncidentOpened"
STREAM = "/api/v1/stream"


def opened(**fields: Any) -> dict[str, Any]:
    return {"title": "An attack", "impact": "LOW", "urgency": "LOW", **fields}


@pytest.fixture
async def callers(stack: dict[str, Any]) -> AsyncIterator[Callers]:
    made = Callers(stack)
    yield made
    await made.close()


async def test_a_made_up_position_of_a_stream_is_refused(stack: dict[str, Any], agent: Gateway) -> None:
    token = stack["users"]["viewer"]["token"]
    async with listening(stack["gateway"], token, topics="incidents") as events:
        cursor = events.last or await _cursor(events, agent)
    place = len(cursor) // 2
    changed = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
    tries = [
        *(
            Attempt(f"the position {text[:20]!r}", (400,), STREAM, "GET", headers={"last-event-id": text}, slug="malformed")
            for text in (changed, cursor[:-4], cursor + "AAAA", "-1", "0", "9" * 40, "A" * 8_000, "x y", "../..", "=" * 24)
        ),
        Attempt("a position of 1 MiB", (431,), STREAM, "GET", headers={"last-event-id": "A" * (1 << 20)}),
        *(
            Attempt(f"the topic {topic[:20]!r}", (422,), f"{STREAM}?topics={topic}", "GET", slug="validation")
            for topic in (".*", "incidents/.*/x", "incidents/[a-z]", "$where", "incidents%0Aid:7", ",", "x" * 200)
        ),
        Attempt("a thousand records", (414,), f"{STREAM}?topics=" + ",".join(["incidents/inc_1"] * 1_000), "GET"),
        Attempt("a hundred and one", (422,), f"{STREAM}?topics=" + ",".join(f"incidents/i{n}" for n in range(101)), "GET"),
        Attempt("a token in the address", (422,), f"{STREAM}?access_token={token}", "GET"),
    ]
    async with Gateway(stack["gateway"], token) as viewer, watched(stack, agent) as watch:
        await attempted(watch, viewer.http, tries)


async def _cursor(events: Any, agent: Gateway) -> str:
    await agent.post("incidents", opened())
    await events.next()
    return str(events.last)


async def test_who_listens_to_records_of_others_hears_nothing(stack: dict[str, Any], agent: Gateway, callers: Callers) -> None:
    run = uuid.uuid4().hex
    secret = await agent.post("incidents", opened(title=f"secret {run}"))
    topic = f"incidents/{secret['id']}"
    foreign = await callers.person("agent", f"s-{run[:8]}")
    requester = stack["users"]["requester"]["token"]
    async with listening(stack["gateway"], foreign, topics=topic) as theirs, Gateway(stack["gateway"], requester) as poor:
        async with listening(stack["gateway"], requester, topics=f"{topic},incidents") as little:
            await agent.post(f"incidents/{secret['id']}:start", version=secret["etag"])
            own = await poor.post("incidents", opened())
            heard = await little.until(f"incidents/{own['id']}")
            assert topic not in heard
        with pytest.raises(TimeoutError):
            await theirs.next(within=1.5)


async def test_streams_that_come_and_go_leave_nothing_behind(stack: dict[str, Any], agent: Gateway, soak: bool) -> None:
    place, token = urlsplit(stack["gateway"]), stack["users"]["analyst"]["token"]
    request = raw("GET", STREAM, ["Accept: text/event-stream"], token=token)

    async def come_and_go(number: int) -> None:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(request)
        await writer.drain()
        if number % 2:  # half of them leave before anybody has answered
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(100), 10)
        writer.close()

    async with watched(stack, agent):
        before = await open_files(stack, agent.http)
        for _ in range(300 if soak else 10):
            await asyncio.gather(*(come_and_go(number) for number in range(40)))
        async with asyncio.timeout(60):
            while await _streams(stack, agent.http) or await open_files(stack, agent.http) > before + 20:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    async with listening(stack["gateway"], token):
        pass


async def _streams(stack: dict[str, Any], http: httpx.AsyncClient) -> float:
    text = (await http.get(f"{stack['services']['gateway']['management']}/metrics")).text
    return sum(float(found) for found in re.findall(r"^itsm_sse_connections(?:\{.*\})? (\S+)$", text, re.MULTILINE))


ADDRESSES = (
    "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/", "https://100.64.0.1/", "https://169.254.169.254/",
    "https://168.63.129.16/", "https://224.0.0.1/", "https://255.255.255.255/", "https://192.0.2.1/", "https://198.18.0.1/",
    "https://[fc00::1]/", "https://[fe80::1]/", "https://[ff02::1]/", "https://[2001:db8::1]/", "https://[64:ff9b::a9fe:a9fe]/",
    "https://[::ffff:169.254.169.254]/", "https://0xa9fea9fe/", "https://2852039166/", "https://0251.0376.0251.0376/",
    "https://kubernetes.default.svc/", "https://itsm-incident.itsm.svc.cluster.local/", "https://localhost./",
    "file:///etc/passwd", "ftp://a.example/", "gopher://a.example/", "dict://a.example/", "ldap://a.example/",
    "data:text/plain,x",
    "unix:///run/x.sock", "https://a.example:22/", "https://a.example:25/", "https://good.example@10.0.0.1/",
    "https://a.example\\@b.example/", "https://a.example/\tx", "https://a.example/\r\nHost: b", "https://a.example/#@b",
    "https://%31%30.0.0.1/", "https://\u0430pple.example/", "https://a.example./", "https://a.example/" + "x" * 65_536,
    "//a.example/",
    "https://a.example:99999/", "javascript:alert(1)",
)  # fmt: skip


HOSTS = (
    "10.0.0.1", "169.254.169.254", "168.63.129.16", "224.0.0.1", "255.255.255.255", "192.0.2.1", "[fc00::1]", "[fe80::1]",
    "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "localhost.",
    "%31%30.0.0.1", "kubernetes.default.svc", "itsm-incident.itsm.svc.cluster.local", "good.example@10.0.0.1",
    "a.example\\@b.example", "\u0430pple.example", "a.example:22", "a.example/\r\nx",
)  # fmt: skip
"""Hosts alone, for what is reached by another protocol than HTTP."""
PUBLIC = "https://receiver.example/"


def ways_out() -> dict[str, tuple[str, dict[str, Any]]]:
    """Every resource that holds an address which the platform calls by itself: the name of the address, and a body without."""
    browser = {name: value for name, value in Browser("").subscription.items() if name != "endpoint"}
    signed_in = {"username": "x", "secret": "x", "mapping": {"project": "X"}}
    return {
        "webhooks": ("url", {"eventTypes": [OPENED]}),
        "notificationTargets": ("url", {"name": "x"}),
        "chatRooms": ("url", {"name": "x", "kind": "GENERIC"}),
        "pushSubscriptions": ("endpoint", browser),
        "connections": ("url", {"name": "x", "kind": "JIRA", "enabled": False, **signed_in}),
    }


async def test_no_way_leads_to_an_address_of_the_inside(stack: dict[str, Any], agent: Gateway, keeper: Gateway) -> None:
    ways = ways_out()

    async def there() -> Any:
        pages = [await keeper.get(plural, pageSize=200) for plural in (*ways, "directories")]
        return [record["id"] for page in pages for records in page.values() if isinstance(records, list) for record in records]

    async with AsyncExitStack() as made:
        tries = [
            Attempt(f"{plural} with {url[:60]!r}", (422,), plural, body={**more, name: url}, says=f"/{name}")
            for plural, (name, more) in ways.items()
            for url in ADDRESSES
        ]
        # What was let in with another address is led to none of them either.
        for plural, (name, more) in ways.items():
            if plural != "pushSubscriptions":  # which cannot be changed
                path, version = await made.enter_async_context(_there(keeper, plural, {**more, name: PUBLIC}))
                tries += [
                    Attempt(f"{plural} then with {url[:60]!r}", (422,), path, "PATCH", {name: url, "secret": "x"}
                            if plural == "connections" else {name: url}, {"if-match": version}, says=f"/{name}")
                    for url in ADDRESSES
                ]  # fmt: skip
        directory = {"name": "x", "kind": "OPENLDAP", "baseDn": "dc=x", "bindDn": "cn=x", "password": "x"}
        tries += [
            Attempt(f"a directory at {url!r}", (422,), "directories", body={**directory, "url": url}, says="/url")
            for url in (*(f"{scheme}://{host}" for scheme in ("ldap", "ldaps") for host in HOSTS), *ADDRESSES)
            if url != "ldap://a.example/"  # which is where directories are
        ]
        # Nobody says headers of his own: not one that decides where it goes, nor one that carries a secret elsewhere.
        tries += [
            Attempt(f"a webhook with {name}", (422,), "webhooks", says=f"/{name}",
                    body={"url": "https://a.example/", "eventTypes": [OPENED], name: {"Host": "b", "Authorization": "x"}})
            for name in ("headers", "customHeaders", "secret", "proxy", "verifyTls")
        ]  # fmt: skip
        async with watched(stack, keeper, unchanged=there) as watch:
            await attempted(watch, keeper.http, tries)


@asynccontextmanager
async def _there(admin: Gateway, plural: str, body: dict[str, Any]) -> AsyncIterator[tuple[str, str]]:
    """A record for the block: its path, and its version as a header."""
    answer = await admin.post(plural, body)
    record = answer.get("webhook", answer)
    path = f"{plural}/{record['id']}"
    try:
        yield path, f'"{record["etag"]}"'
    finally:
        await admin.send("DELETE", path, version=(await admin.get(path))["etag"])


@asynccontextmanager
async def hooked(admin: Gateway, url: str, category: str) -> AsyncIterator[str]:
    """A webhook for new incidents of one category; its address in the API."""
    wanted = {"url": url, "eventTypes": [OPENED], "filter": f'category = "{category}"'}
    path = f"webhooks/{(await admin.post('webhooks', wanted))['webhook']['id']}"
    try:
        yield path
    finally:
        await admin.send("DELETE", path, version=(await admin.get(path))["etag"])


async def attempts_of(admin: Gateway, path: str, within: float = 90) -> list[dict[str, Any]]:
    """What was tried for the first delivery of a webhook, when something was."""
    async with asyncio.timeout(within):
        while True:
            for delivery in (await admin.get(f"{path}/deliveries"))["deliveries"]:
                found = (await admin.get(f"{path}/deliveries/{delivery['id']}"))["attempts"]
                if found:
                    return list(found)
            await asyncio.sleep(0.2)


@pytest.mark.timeout(300)
async def test_a_receiver_that_sends_elsewhere_drips_floods_or_is_ourselves_gets_nowhere(
    stack: dict[str, Any], agent: Gateway, keeper: Gateway
) -> None:
    run = f"out-{uuid.uuid4().hex[:8]}"
    async with receiving(200) as inside, watched(stack, agent):
        inside_url = {"location": inside.url}
        flood = b"HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n" + b"x" * 65_536
        bad = {
            "elsewhere": receiving(302, headers=inside_url),
            "on": receiving(307, headers=inside_url),
            "to-files": receiving(308, headers={"location": "file:///etc/passwd"}),
            "many-headers": receiving(200, headers={f"x-{n}": "y" * 900 for n in range(200)}),
            "endless": _saying(flood, forever=b"x" * 65_536),
            "continue": _saying(b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000, forever=b"HTTP/1.1 100 Continue\r\n\r\n"),
            "no-http": _saying(b"\0" * 64),
        }
        told: dict[str, list[dict[str, Any]]] = {}

        async def one(what: str, receiver: Any) -> None:
            async with receiver as at, hooked(keeper, at if isinstance(at, str) else at.url, f"{run}-{what}") as path:
                await agent.post("incidents", opened(category=f"{run}-{what}"))
                told[what] = await attempts_of(keeper, path)

        async def ourselves() -> None:
            async with hooked(keeper, f"{stack['gateway']}/api/v1/incidents", f"{run}-ourselves") as path:
                await agent.post("incidents", opened(category=f"{run}-ourselves"))
                told["ourselves"] = await attempts_of(keeper, path)

        async with receiving(204) as good, hooked(keeper, good.url, run):
            tasks = [asyncio.create_task(one(what, receiver)) for what, receiver in bad.items()]
            tasks.append(asyncio.create_task(ourselves()))
            await agent.post("incidents", opened(category=run))
            await eventually(lambda: len(good.seen) == 1, within=90)  # whom others keep waiting waits for none of them
            await asyncio.gather(*tasks)
        assert inside.seen == [], "a redirect was followed"
    for what, attempts in told.items():
        first = attempts[0]
        if what == "endless":
            assert len(json.dumps(first)) < 65_536, "an answer that never ends was kept"
        else:
            assert not 200 <= first.get("status", 0) < 300, (what, first)
    assert told["elsewhere"][0]["status"] == 302
    assert told["ourselves"][0]["status"] == 401, "we let ourselves in without a proof"
    assert (await agent.get("incidents:count", filter=f'category = "{run}-ourselves"'))["value"] == 1


@asynccontextmanager
async def _saying(head: bytes, forever: bytes = b"") -> AsyncIterator[str]:
    """A receiver that says this, and the rest again and again while somebody listens."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            await writer.drain()
            while forever:
                writer.write(forever)
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        server.close()


async def test_a_file_goes_out_whole_or_not_at_all_and_one_at_a_time(
    stack: dict[str, Any], agent: Gateway, unchanged: Reader
) -> None:
    token, run = stack["users"]["agent"]["token"], uuid.uuid4().hex
    # More than all buffers between us and the gateway take: else a file is gone before somebody could be slow.
    body = {"operations": [{"method": "POST", "body": opened(category=run, description="x" * 16_000)} for _ in range(50)]}
    for part in range(6):
        headers = {"idempotency-key": f"{run}-{part}"}
        made = await agent.http.post("/api/v1/incidents:batch", json=body, headers=headers, timeout=120)
        assert made.status_code in (200, 207), made.text
    path = f"/api/v1/incidents:export?format=jsonl&filter=category%20%3D%20%22{run}%22"
    async with AsyncExitStack() as slow, watched(stack, agent, unchanged=unchanged) as watch:
        ranges = ",".join(f"{n}-{n}" for n in range(3_000))
        for wanted in (f"bytes={ranges}", "bytes=9-1", "bytes=0-99999999999999999999", "bytes=-0", "chars=0-1", "x"):
            answer = watch.saw(await agent.http.get(path, headers={"range": wanted}))
            assert answer.status_code in (200, 416), wanted
            assert answer.status_code == 416 or len(answer.text.splitlines()) == 300
        # Somebody who takes nothing of his file has one place of few in a gateway, and gives it back when he leaves.
        heads: list[str] = []
        while not heads or " 200 " in heads[-1]:
            heads.append(await slow.enter_async_context(_taking_nothing(stack["gateway"], path, token)))
            assert len(heads) < 10 * GATEWAYS, "nobody who takes nothing holds a place"
        assert len(heads) > 1 and " 503 " in heads[-1] and "\r\nretry-after: " in heads[-1].lower(), heads[-1]
        await slow.aclose()
        async with asyncio.timeout(60):
            while (whole := await agent.http.get(path)).status_code != 200:  # noqa: ASYNC110 - told by another process
                await asyncio.sleep(0.2)
    assert len([orjson.loads(line) for line in whole.text.splitlines()]) == 300
    async with Gateway(stack["gateway"]) as nobody:
        assert (await nobody.http.get(path)).status_code == 401


@asynccontextmanager
async def _taking_nothing(url: str, path: str, token: str) -> AsyncIterator[str]:
    """Asks for a file and takes no more than the head of the answer, for the block."""
    place = urlsplit(url)
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    line.setblocking(False)
    await asyncio.get_running_loop().sock_connect(line, (place.hostname, place.port))
    reader, writer = await asyncio.open_connection(sock=line, limit=4_096)
    try:
        writer.write(raw("GET", path, token=token))
        async with asyncio.timeout(60):
            head = await reader.readuntil(b"\r\n\r\n")
        yield head.decode()
    finally:
        writer.close()
