"""Requests that cannot be read, are too much, or mean two things: each is refused, told why, and changes nothing."""

import asyncio
import gzip
import uuid
from collections import Counter
from typing import Any

import httpx

from tests.support.attempts import Attempt, attempted
from tests.support.callers import Callers
from tests.support.gateway import Gateway
from tests.support.universal import Reader, watched

LONG = 1 << 20
OUTPUT_ONLY = ("id", "number", "state", "priority", "clocks", "createTime", "etag", "resolution", "links")


def opened(**fields: Any) -> dict[str, Any]:
    return {"title": "An attack", "impact": "LOW", "urgency": "LOW", **fields}


def text(title: str) -> bytes:
    """A body whose title is written as it stands here."""
    return f'{{"title": "{title}"}}'.encode("utf-8", "surrogatepass")


BODIES = [
    Attempt("a lone brace", (400,), body=b"{", slug="malformed"),
    Attempt("nothing where JSON was said", (400,), body=b"", headers={"content-type": "application/json"}, slug="malformed"),
    Attempt("a cut document", (400,), body=b'{"title": "x"', slug="malformed"),
    Attempt("something after the document", (400,), body=b'{"title": "x"} extra', slug="malformed"),
    Attempt("a hundred thousand arrays", (400,), body=b"[" * 100_000 + b"]" * 100_000, slug="malformed"),
    Attempt("a deep value in a field", (400,), body=b'{"title": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", slug="malformed"),
    Attempt("half of a pair of surrogates", (400, 422), body=text("\\ud800")),
    Attempt("an overlong encoding", (400,), body=b'{"title": "\xc0\xaf"}', slug="malformed"),
    Attempt("a byte order mark", (400,), body=b"\xef\xbb\xbf" + text("x"), slug="malformed"),
    Attempt("UTF-16", (400,), body='{"title": "x"}'.encode("utf-16"), slug="malformed"),
    Attempt("NUL in a value", (400, 422), body=text("a\\u0000b")),
    Attempt("NUL in a name", (400, 422), body=b'{"ti\\u0000tle": "x"}'),
    Attempt("a name that is said twice", (400, 422), body=b'{"title": "x", "title": "y"}'),
    Attempt("an unknown property", (422,), body=opened(isAdmin=True), slug="validation", says="/isAdmin"),
    Attempt("an operator as a property", (422,), body=opened(**{"$set": {"state": "CLOSED"}}), slug="validation"),
    Attempt("a prototype as a property", (422,), body=opened(__proto__={"x": 1}), slug="validation"),
    Attempt("an object for a text", (422,), body=opened(title={"$ne": ""}), slug="validation", says="/title"),
    Attempt("a number for a text", (422,), body=opened(title=7), slug="validation", says="/title"),
    Attempt("null for what is required", (422,), body=opened(title=None), slug="validation", says="/title"),
    Attempt("a title that is too long", (422,), body=opened(title="x" * 301), slug="validation", says="/title"),
    Attempt("a title of almost a mebibyte", (422,), body=opened(title="x" * (LONG - 100)), slug="validation"),
    Attempt("too many entries", (422,), body=opened(assetIds=[f"ast_{n}" for n in range(101)]), says="/assetIds"),
    Attempt("five thousand entries", (422,), body=opened(assetIds=[f"ast_{n}" for n in range(5_000)]), says="/assetIds"),
    Attempt("an entry twice", (422,), body=opened(assetIds=["ast_1", "ast_1"]), says="/assetIds"),
    Attempt("an unknown enum value", (422,), body=opened(impact="HUGE"), says="/impact"),
    Attempt("a body that is no object", (400, 422), body=b"[]"),
]  # fmt: skip

CONTENTS = [
    Attempt("a body over the limit", (413,), body=text("x" * (LONG + 1)), slug="too-large"),
    Attempt("a bomb", (415,), body=gzip.compress(b" " * LONG), headers={"content-encoding": "gzip"}, slug="media-type"),
    Attempt("packed twice", (415,), body=gzip.compress(gzip.compress(text("x"))), headers={"content-encoding": "gzip, gzip"}),
    Attempt("an unknown encoding", (415,), body=text("x"), headers={"content-encoding": "zip64"}, slug="media-type"),
    Attempt("a corrupt stream", (415,), body=b"\x1f\x8b\x08nothing", headers={"content-encoding": "gzip"}),
    *(
        Attempt(f"content of type {media!r}", (415,), body=text("x"), headers={"content-type": media}, slug="media-type")
        for media in (
            "", "text/plain", "application/xml", "application/json; charset=utf-7", "multipart/form-data; boundary=x",
            "application/json-patch+json", "application/merge-patch+xml", "application/x-www-form-urlencoded",
        )
    ),
]  # fmt: skip

HEADERS = [
    Attempt("a thousand headers", (431,), "incidents", "GET", headers=[(f"x-{n}", "1") for n in range(1_000)]),
    Attempt("a header of 64 KiB", (431,), "incidents", "GET", headers={"x-long": "x" * 65_536}),
    Attempt("two hundred baggage headers", (431,), "incidents", "GET", headers=[("baggage", f"a{n}=b") for n in range(200)]),
    Attempt("baggage and a trace of nowhere", (200,), "incidents?pageSize=1", "GET",
            headers={"baggage": "tenant=other", "traceparent": "00-zz-zz-zz", "tracestate": "x" * 600}),
    Attempt("a hundred cookies", (200,), "incidents?pageSize=1", "GET",
            headers={"cookie": "; ".join(f"c{n}=v" for n in range(100))}),
    Attempt("a page in HTML", (406,), "incidents", "GET", headers={"accept": "text/html"}, slug="not-acceptable"),
    Attempt("junk in Accept", (200, 406), "incidents?pageSize=1", "GET", headers={"accept": "*/*;q=x, a/b;;;=, ,"}),
    Attempt("a language of 20 KiB", (200,), "incidents?pageSize=1", "GET", headers={"accept-language": "<b>" * 7_000}),
    *(
        Attempt(f"the method {method}", (400, 405), "incidents", method)
        for method in ("TRACE", "PROPFIND", "BREW", "PUT")
    ),
    *(
        Attempt(f"a read that {name} makes a delete", (200,), "incidents?pageSize=1", "GET", headers={name: "DELETE"})
        for name in ("x-http-method-override", "x-method-override", "x-http-method")
    ),
    Attempt("a key that is too long", (400,), body=opened(), headers={"idempotency-key": "k" * 256}, slug="malformed"),
]  # fmt: skip

ADDRESSES = [
    Attempt("NUL in the path", (400,), "incidents/%00", "GET", slug="malformed"),
    Attempt("a broken percent in the path", (400,), "incidents/%zz", "GET", slug="malformed"),
    Attempt("bytes that are no UTF-8", (400,), "incidents/%ff%fe", "GET", slug="malformed"),
    Attempt("a way up", (404,), "/api/v1/incidents/%2e%2e%2f%2e%2e%2fetc", "GET", slug="not-found"),
    Attempt("a scalar twice", (422,), "incidents?pageSize=1&pageSize=2", "GET", slug="validation"),
    Attempt("brackets", (422,), "incidents?filter[]=x", "GET", slug="validation"),
    Attempt("an operator", (422,), "incidents?state[$ne]=x", "GET", slug="validation"),
    Attempt("a broken percent in the query", (400,), "incidents?filter=%f", "GET", slug="malformed"),
    Attempt("ten thousand parameters", (400, 414), "incidents?" + "&".join(["a=1"] * 10_000), "GET"),
    Attempt("a hundred and one parameters", (400,), "incidents?" + "&".join(["a=1"] * 101), "GET", slug="malformed"),
    Attempt("an address of 9 KiB", (414,), "incidents?filter=" + "x" * 9_000, "GET", slug="uri-too-long"),
    *(
        Attempt(f"pageSize {size}", (422,), f"incidents?pageSize={size}", "GET", slug="validation")
        for size in ("0", "-1", "1000000000", "x", "1.5", "99999999999999999999")
    ),
    *(
        Attempt(f"the order {order!r}", (422,), f"incidents?orderBy={order}", "GET", slug="validation")
        for order in ("description", "password", "clocks.dueTime", "title;drop", "createTime sideways", "$natural", "_id")
    ),
    Attempt("five hundred alternatives", (414, 422), "incidents?filter=" + "%20OR%20".join(["state=NEW"] * 500), "GET"),
    Attempt("a hundred and one alternatives", (422,), "incidents?filter=" + " OR ".join(["state=NEW"] * 101), "GET"),
    Attempt("an operator in a filter", (422,), 'incidents?filter=$where = "1"', "GET", slug="validation"),
    Attempt("old versions", (404,), "/api/v0/incidents", "GET"),
    Attempt("the next version", (404,), "/api/v2/incidents", "GET"),
]  # fmt: skip


async def test_what_cannot_be_read_is_refused_and_changes_nothing(
    stack: dict[str, Any], agent: Gateway, unchanged: Reader
) -> None:
    async with watched(stack, agent, unchanged=unchanged) as watch:
        await attempted(watch, agent.http, [*BODIES, *CONTENTS])


async def test_heads_and_addresses_that_are_too_much_or_mean_two_things_are_refused(
    stack: dict[str, Any], agent: Gateway, unchanged: Reader
) -> None:
    async with watched(stack, agent, unchanged=unchanged) as watch:
        await attempted(watch, agent.http, [*HEADERS, *ADDRESSES])


async def test_the_longest_that_is_allowed_is_kept_as_it_was_given(agent: Gateway, keeper: Gateway) -> None:
    title, category = "ü" * 300, uuid.uuid4().hex
    made = await agent.post("incidents", opened(title=title, category=category, assetIds=[f"ast_{n}" for n in range(100)]))
    assert (await agent.get(f"incidents/{made['id']}"))["title"] == title
    odd = "‮$set {{7*7}} <script>alert(1)</script> =cmd|' /C calc'!A0 \\u0041 ‮"
    kept = await agent.post("incidents", opened(title=odd, category=category))
    assert (await agent.get(f"incidents/{kept['id']}"))["title"] == odd
    # Names in maps that people make up are data: refused, or kept as they are.
    for name in ("$where", "a.b", "__proto__", "constructor", "_id", "toString"):
        answer = await keeper.send(
            "POST", "assets", {"name": f"{category} {name}", "class": "server", "attributes": {name: {"text": "x"}}}
        )
        assert answer.status_code in (201, 422), answer.text
        if answer.status_code == 201:
            assert (await keeper.get(f"assets/{answer.json()['id']}"))["attributes"][name]["text"] == "x"


async def test_instants_that_cannot_be_are_refused_and_others_come_back_in_utc(
    stack: dict[str, Any], agent: Gateway, keeper: Gateway
) -> None:
    def silenced(end: Any) -> dict[str, Any]:
        return {"matchers": [{"label": "a", "operator": "EQUAL", "value": "b"}], "endTime": end, "comment": "an attack"}

    wrong = (
        "0000-00-00T00:00:00Z", "2026-02-30T00:00:00Z", "10000-01-01T00:00:00Z", "2027-01-01T00:00:00", "2027-01-01",
        "2027-01-01T25:00:00Z", "2027-06-30T23:59:60Z", "-0001-01-01T00:00:00Z", "now", "", 1798761600, -1,
        "2027-01-01T00:00:00+99:00",
    )  # fmt: skip
    async with watched(stack, agent) as watch:
        await attempted(
            watch, keeper.http, [Attempt(f"the instant {end!r}", (422,), "silences", body=silenced(end)) for end in wrong]
        )
    await agent.post("incidents", opened(category="instants"))
    # Hours that a change of clocks skips or repeats are instants like any other once their offset is said.
    for same in (("2026-03-29T02:30:00+01:00", "2026-03-29T01:30:00Z"), ("2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00Z")):
        wanted = [f'createTime >= "{each}" AND category = "instants"' for each in same]
        counts = [(await agent.get("incidents:count", filter=each))["value"] for each in wanted]
        assert counts[0] == counts[1] >= 1


async def test_tokens_of_pages_are_good_for_their_own_list_alone(stack: dict[str, Any], agent: Gateway) -> None:
    for _ in range(3):
        await agent.post("incidents", opened(category="pages"))
    query = 'filter=category = "pages"'
    first = await agent.get("incidents", filter='category = "pages"', pageSize=1)
    token = first["nextPageToken"]
    callers = Callers(stack)
    try:
        stranger = {"authorization": f"Bearer {await callers.person('agent', 'pages-elsewhere')}"}
        tries = [
            Attempt("changed", (400,), f"incidents?{query}&pageToken={token[:-2]}xx", "GET", slug="malformed"),
            Attempt("cut", (400,), f"incidents?{query}&pageToken={token[:-8]}", "GET", slug="malformed"),
            Attempt("of another filter", (400,), f"incidents?pageToken={token}", "GET", slug="malformed"),
            Attempt(
                "of another order", (400,), f"incidents?{query}&orderBy=createTime&pageToken={token}", "GET", slug="malformed"
            ),
            Attempt("of another list", (400,), f"assets?pageToken={token}", "GET", slug="malformed"),
            Attempt("no token at all", (400,), "incidents?pageToken=x", "GET", slug="malformed"),
            Attempt("a token of 60 KiB", (414,), "incidents?pageToken=" + "x" * 60_000, "GET"),
            Attempt("of another tenant", (400,), f"incidents?{query}&pageToken={token}", "GET", headers=stranger),
        ]
        async with watched(stack, agent) as watch:
            await attempted(watch, agent.http, tries)
    finally:
        await callers.close()
    assert (await agent.get("incidents", filter='category = "pages"', pageSize=1, pageToken=token))["incidents"]


async def test_a_change_names_its_version_and_what_may_be_changed(stack: dict[str, Any], agent: Gateway) -> None:
    made = await agent.post("incidents", opened(category="versions"))
    path = f"incidents/{made['id']}"
    at = {"if-match": f'"{made["etag"]}"'}

    def masked(mask: str, **body: Any) -> Attempt:
        return Attempt(f"the mask {mask[:40]!r}", (422,), f"{path}?updateMask={mask}", "PATCH", body, at, slug="validation")

    tries = [
        Attempt("no version", (428,), path, "PATCH", {"title": "x"}, slug="precondition"),
        Attempt("a stale version", (412,), path, "PATCH", {"title": "x"}, {"if-match": '"7"'}, slug="precondition"),
        Attempt("a weak version", (412,), path, "PATCH", {"title": "x"}, {"if-match": f'W/"{made["etag"]}"'}),
        *(
            Attempt(f"the version {tag!r}", (400,), path, "PATCH", {"title": "x"}, {"if-match": tag}, slug="malformed")
            for tag in ("1", '"1', '"1", "2"', "*, *", '"\t"')
        ),
        Attempt("null for what is required", (422,), path, "PATCH", {"title": None, "category": "half"}, at, says="/title"),
        Attempt("another value of what is chosen once", (422,), path, "PATCH", {"source": "MAIL"}, at, says="/source"),
        Attempt("a wrong field beside a right one", (422,), path, "PATCH", {"category": "half", "impact": "HUGE"}, at),
        Attempt("a JSON Patch", (415,), path, "PATCH", b"[]", {**at, "content-type": "application/json-patch+json"}),
        masked("nothing", title="x"),
        masked("clocks", title="x"),
        *(masked(name, title="x") for name in OUTPUT_ONLY),
        masked(",".join(f"a{n}" for n in range(101)), title="x"),
        Attempt("a mask of ten thousand paths", (414,), f"{path}?updateMask=" + ",".join(["title"] * 10_000), "PATCH", {}, at),
    ]

    async def same() -> Any:
        return await agent.get(path)

    async with watched(stack, agent, unchanged=same) as watch:
        await attempted(watch, agent.http, tries)
    stale = await agent.send("PATCH", path, {"title": "x"}, version="7")
    assert stale.headers["etag"] == f'"{made["etag"]}"', "who was late is told the present version"
    # What only the platform sets is passed over where it comes along, as it does when somebody sends back what he read.
    whole = {**made, "state": "CLOSED", "priority": "P1", "number": "INC9999999", "title": "sent back"}
    changed = await agent.send("PATCH", path, whole, version=made["etag"])
    found = changed.json()
    assert (changed.status_code, found["title"]) == (200, "sent back"), changed.text
    assert {name: found[name] for name in OUTPUT_ONLY if name != "etag"} == {
        name: made[name] for name in OUTPUT_ONLY if name != "etag"
    }


async def test_of_two_hundred_changes_of_one_version_one_is_made(stack: dict[str, Any], agent: Gateway) -> None:
    made = await agent.post("incidents", opened(category="races"))
    path = f"incidents/{made['id']}"
    async with watched(stack, agent) as watch:
        answers = watch.all(
            await asyncio.gather(*(agent.send("PATCH", path, {"title": f"by {n}"}, version=made["etag"]) for n in range(200)))
        )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 199}
    (winner,) = [answer.json() for answer in answers if answer.status_code == httpx.codes.OK]
    assert await agent.get(path) == winner


async def test_a_batch_hides_what_is_not_ones_own_and_tells_of_each(stack: dict[str, Any], agent: Gateway) -> None:
    callers = Callers(stack)
    try:
        token = await callers.person("agent", "batch-elsewhere")
        async with Gateway(stack["gateway"], token) as foreign:
            theirs = await foreign.post("incidents", opened(title="not yours"))
        mine = await agent.post("incidents", opened(category="batches"))
        operations = [
            {"method": "PATCH", "path": theirs["id"], "ifMatch": theirs["etag"], "body": {"title": "mine now"}},
            {"method": "PATCH", "path": "inc_0000", "ifMatch": "1", "body": {"title": "mine now"}},
            {"method": "POST", "path": f"{theirs['id']}:start"},
            {"method": "PATCH", "path": mine["id"], "ifMatch": mine["etag"], "body": {"title": "first"}},
            {"method": "PATCH", "path": mine["id"], "ifMatch": mine["etag"], "body": {"title": "second"}},
        ]
        async with watched(stack, agent) as watch:
            headers = {"idempotency-key": uuid.uuid4().hex}
            body = {"operations": operations}
            answer = watch.saw(await agent.http.post("/api/v1/incidents:batch", json=body, headers=headers))
        results = answer.json()["results"]
        assert [result["status"] for result in results] == [404, 404, 404, 200, 412]
        told = [str(result["problem"] if "problem" in result else result["body"]) for result in results[:2]]
        assert told[0].replace(theirs["id"], "inc_0000").count("inc_0000") == told[1].count("inc_0000")
        assert "not yours" not in answer.text
        async with Gateway(stack["gateway"], await callers.person("agent", "batch-elsewhere")) as foreign:
            assert await foreign.get(f"incidents/{theirs['id']}") == theirs
    finally:
        await callers.close()
