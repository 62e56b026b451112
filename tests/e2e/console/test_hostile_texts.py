"""What people write is text on every page: no markup of theirs runs, loads or breaks anything."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Dialog, Request, expect

from tests.e2e.console.conftest import Enter
from tests.support.gateway import Gateway
from tests.support.ingest import an_alert
from tests.support.senders import Key, Sender

CANARY = "canary.example"
VECTORS = (
    r"""
<script>DO</script>
<ScRiPt >DO</sCrIpT>
<script src=//CANARY/x.js></script>
<img src=x onerror=DO>
<img src=//CANARY/x.png>
<img/src=x/onerror=DO>
<svg onload=DO>
<svg><script>DO</script></svg>
<svg><animate onbegin=DO attributeName=x dur=1s>
<svg><a xlink:href=javascript:DO><text>x</text></a></svg>
<svg><use href=//CANARY/x.svg#x></svg>
<svg><set onbegin=DO attributename=x>
<math><mtext><script>DO</script>
<math href=javascript:DO>x</math>
<body onload=DO>
<iframe src=javascript:DO>
<iframe src=//CANARY>
<iframe srcdoc='<script>DO</script>'>
<object data=//CANARY>
<embed src=//CANARY>
<link rel=stylesheet href=//CANARY>
<style>@import '//CANARY'</style>
<style>*{background:url(//CANARY)}</style>
<base href=//CANARY/>
<meta http-equiv=refresh content='0;url=//CANARY'>
<form action=//CANARY><button>x</button></form>
<input autofocus onfocus=DO>
<select autofocus onfocus=DO>
<textarea autofocus onfocus=DO>
<details open ontoggle=DO>
<video src=x onerror=DO>
<audio src=x onerror=DO>
<video poster=//CANARY>
<source onerror=DO>
<marquee onstart=DO>
<a href=javascript:DO>x</a>
<a href='javaTABscript:DO'>x</a>
<a href=data:text/html,<script>DO</script>>x</a>
<a href=vbscript:DO>x</a>
<p style=background:url(//CANARY)>
<p onmouseover=DO>
<p onclick=DO>x
<x contenteditable onblur=DO>
<table background=//CANARY>
<noscript><p title='</noscript><img src=x onerror=DO>'>
<template><script>DO</script></template>
<xmp><p title='</xmp><svg/onload=DO>'>
<svg></p><style><a id='</style><img src=1 onerror=DO>'>
<math><mtext><table><mglyph><style><img src onerror=DO>
--><img src=x onerror=DO>
]]><img src=x onerror=DO>
'"><img src=x onerror=DO>
</title><script>DO</script>
</script><script>DO</script>
<!--><img src=x onerror=DO>-->
&lt;img src=x onerror=DO&gt;
\u003cimg src=x onerror=DO\u003e
[x](javascript:DO)
![x](//CANARY/x.png)
[x]: javascript:DO
{{constructor.constructor('DO')()}}
${DO}
<%= 7*7 %>
#{7*7}
{{7*7}}
javascript:DO//
jaVasCript:/*-/*`/*\`/*'/*"/**/(/* */DO )//
TURN<b>x</b>BACK
<img src=`x`onerror=DO>
""".strip()
    .replace("DO", "top.hit=1")
    .replace("CANARY", CANARY)
    .replace("TAB", "\t")
    .replace("TURN", "\u202e\u2066")
    .replace("BACK", "\u2069")
    .splitlines()
)


async def test_markup_in_texts_is_shown_as_it_was_written(enter: Enter, agent: Gateway, keeper: Gateway) -> None:
    word = f"w{uuid4().hex[:10]}"
    texts = [f"{word} {vector}" for vector in VECTORS]
    operations = [{"method": "POST", "body": {"title": text, "category": text[:200]}} for text in texts]
    made = await agent.http.post(
        "/api/v1/incidents:batch", json={"operations": operations}, headers={"idempotency-key": word}, timeout=60
    )
    assert {each["status"] for each in made.json()["results"]} == {201}
    whole = "\n".join(texts)
    worst = await agent.post("incidents", {"title": texts[3], "description": whole + "\n" + "x" * 50_000})
    await agent.post(f"incidents/{worst['id']}/notes", {"text": whole, "public": True})
    asset = await keeper.post("assets", {"name": texts[0], "class": "server"})

    me = await enter("agent")
    page, dialogs, canaries = me.page, list[str](), list[str]()

    async def dismissed(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        await dialog.dismiss()

    def asked(request: Request) -> None:
        if CANARY in request.url:
            canaries.append(request.url)

    page.on("dialog", dismissed)
    page.on("request", asked)
    for path, shown in (
        (f"/incidents?text={word}", texts[-1]),
        (f"/incidents/{worst['number']}", texts[3]),
        (f"/assets/{asset['id']}", texts[0]),
        (f"/incidents?text={word}&peek={worst['id']}", texts[3]),
    ):
        await me.open(path)
        await expect(page.get_by_text(shown, exact=False).first).to_be_visible()
        assert await page.evaluate("top.hit") is None, path
        foreign = "main script, main iframe, main object, main embed, main base, main style, main form[action*=canary]"
        assert await page.locator(foreign).count() == 0, path
    assert page.url.startswith(me.url)
    assert (dialogs, canaries, me.defects) == ([], [], [])


ADDRESSES = (
    "javascript:top.hit=1",
    "JaVa\tScRiPt:top.hit=1",
    "data:text/html,<script>top.hit=1</script>",
    "vbscript:x",
    "itsm-own:x",
    f"https://prometheus.example@{CANARY}/graph",
    f"//{CANARY}/x",
)
STRANGE = """all => all.filter(link => !["http:", "https:", "mailto:", "tel:"].includes(link.protocol)
  || (link.origin !== location.origin && !/noopener.*noreferrer|noreferrer.*noopener/.test(link.rel)))
  .map(link => link.outerHTML)"""


@pytest.fixture
async def alerts(stack: dict[str, Any], keeper: Gateway) -> list[dict[str, Any]]:
    """What a sender says of where to read more of it, an alert for each address."""
    word = f"w{uuid4().hex[:10]}"
    async with Gateway(stack["gateway"], stack["users"]["monitor-manager"]["token"]) as manager:
        key = await Key.made(manager)
    told = [
        an_alert(
            labels={"alertname": f"{word} {place}", "severity": "critical"},
            annotations={"summary": f"{word} {place}", "runbook_url": address, "description": address, "dashboard": address},
            generatorURL=address,
            fingerprint=f"{word}{place}",
        )
        for place, address in enumerate(ADDRESSES)
    ]
    async with Sender(stack["ingest"], key.secret) as sender:
        for alert in told:
            await sender.insist(alert)
    async with asyncio.timeout(60):
        while True:
            found = [row async for row in keeper.pages("alerts", "alerts") if row["title"].startswith(word)]
            if len(found) == len(ADDRESSES) and all(row["incidentId"] for row in found):
                return found
            await asyncio.sleep(0.2)


async def test_no_address_that_an_alert_brings_leads_anywhere_but_to_the_web(
    enter: Enter, alerts: list[dict[str, Any]]
) -> None:
    me = await enter("agent")
    page = me.page
    pages = [("/alerts", alerts[0]["title"])]
    pages += [(f"/alerts?peek={alert['id']}", alert["title"]) for alert in alerts]
    pages += [(f"/incidents/{alerts[0]['incidentId']}", alerts[0]["title"])]
    for path, shown in pages:
        await me.open(path)
        await expect(page.get_by_text(shown, exact=False).first).to_be_visible()
        assert await page.locator("main a").evaluate_all(STRANGE) == [], path
        assert await page.evaluate("top.hit") is None, path
    assert me.defects == []
