"""Mail on the running platform: what comes in becomes an incident, what is answered goes out in its thread, and comes back."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiosmtplib
import httpx
import pytest

from tests.support.eventually import eventually
from tests.support.gateway import Gateway
from tests.support.platform import Breakable
from tests.support.smtp import MailHost, Taken, taking_mail
from tests.unit.gateway.test_mail_in import bounced, letter

SOON = 120.0  # also where a lease or a group must first move from a process that died
REQUESTER = "requester@demo.example"


@pytest.fixture
async def requester(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who sees his own incidents alone."""
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as gateway:
        yield gateway


@pytest.fixture(scope="module")
async def host(stack: dict[str, Any]) -> AsyncIterator[MailHost]:
    """The server that takes the platform's mail."""
    async with taking_mail(port=int(stack["smtp"].rpartition(":")[2])) as server:
        yield server


@pytest.fixture
async def desk(keeper: Gateway) -> dict[str, Any]:
    """A mailbox of this test's own."""
    wanted = {"address": f"desk-{uuid4().hex[:8]}@demo.example", "name": "Service Desk", "category": "mail"}
    found: dict[str, Any] = await keeper.post("mailboxes", wanted)
    return found


async def mailed(stack: dict[str, Any], desk: dict[str, Any], raw: bytes, sender: str = REQUESTER) -> None:
    """A message comes by SMTP."""
    place, _, port = stack["mail"].rpartition(":")
    async with aiosmtplib.SMTP(hostname=place, port=int(port), start_tls=False, timeout=60) as server:
        await server.sendmail(sender, [desk["address"]], raw)


async def became(keeper: Gateway, desk: dict[str, Any], message_id: str) -> dict[str, Any]:
    """What a message has become, once it is worked."""
    async with asyncio.timeout(SOON):
        while True:
            wanted = f'messageId = "{message_id}"'
            found = (await keeper.get(f"mailboxes/{desk['id']}/mails", filter=wanted))["mails"]
            if found and found[0]["state"] != "PENDING":
                return dict(found[0])
            await asyncio.sleep(0.2)


async def answered(host: MailHost, about: str) -> Taken:
    """The first mail to the requester about a record."""

    def sent() -> list[Taken]:
        return [each for each in host.to(REQUESTER) if about in str(each.message["References"])]

    await eventually(sent, within=SOON)
    return sent()[0]


@pytest.mark.timeout(400)
async def test_a_mail_becomes_an_incident_its_answer_a_mail_and_the_answer_to_that_a_note(
    stack: dict[str, Any], keeper: Gateway, agent: Gateway, requester: Gateway, host: MailHost, desk: dict[str, Any]
) -> None:
    first = f"{uuid4().hex}@mail.example"
    raw = letter("My printer burns.", From=f"Rea <{REQUESTER}>", To=desk["address"], Message_ID=f"<{first}>")
    await mailed(stack, desk, raw)
    await mailed(stack, desk, raw)
    mail = await became(keeper, desk, first)
    assert mail["state"] == "DONE", mail
    incident = await requester.get(mail["record"])
    me = (await requester.get("users:whoami"))["subject"]
    assert (incident["source"], incident["requesterId"], incident["category"]) == ("MAIL", me, "mail")
    assert (incident["title"], incident["description"]) == ("Printer", "My printer burns.")
    listed = (await keeper.get(f"mailboxes/{desk['id']}/mails"))["mails"]
    assert [each["messageId"] for each in listed] == [first]
    source = await keeper.get(f"mailboxes/{desk['id']}/mails/{mail['id']}/source")
    assert b"My printer burns." in base64.b64decode(source["raw"])

    await agent.post(f"{mail['record']}:assign", {"teamId": "team-mail"})
    await agent.post(f"{mail['record']}:start")
    await agent.post(f"{mail['record']}:hold", {"reason": "CALLER", "note": "Which printer is it?"})
    sent = await answered(host, incident["id"])
    told = sent.message
    assert told["From"].addresses[0].addr_spec == desk["address"]
    assert told["Auto-Submitted"] == "auto-generated"
    assert f"<{first}>" in str(told["References"])
    assert "Which printer is it?" in sent.text()

    second = f"{uuid4().hex}@mail.example"
    question = "\n".join(f"> {line}" for line in sent.text().splitlines())
    reply = letter(
        f"The one at the door.\n\nOn Monday Service Desk wrote:\n{question}\n",
        From=REQUESTER,
        Subject=f"Re: {told['Subject']}",
        Message_ID=f"<{second}>",
        In_Reply_To=str(told["Message-ID"]),
    )
    await mailed(stack, desk, reply)
    assert (await became(keeper, desk, second))["record"] == mail["record"]
    notes = (await requester.get(f"{mail['record']}/notes"))["notes"]
    assert (notes[0]["text"], notes[0]["authorId"], notes[0]["public"]) == ("The one at the door.", me, True)
    assert (await agent.get(mail["record"]))["state"] == "IN_PROGRESS"


@pytest.mark.timeout(400)
async def test_who_takes_no_part_goes_on_with_nothing_and_only_administrators_read_mail(
    stack: dict[str, Any], keeper: Gateway, agent: Gateway, desk: dict[str, Any]
) -> None:
    first, forged = f"{uuid4().hex}@mail.example", f"{uuid4().hex}@mail.example"
    await mailed(stack, desk, letter(From=REQUESTER, Message_ID=f"<{first}>"))
    record = (await became(keeper, desk, first))["record"]
    # Whose address this is sees every incident, and takes part in none.
    subject = f"Re: {(await agent.get(record))['number']}"
    await mailed(stack, desk, letter("Close it.", From="agent@demo.example", Subject=subject, Message_ID=f"<{forged}>"))
    assert (await became(keeper, desk, forged))["record"] != record
    assert (await agent.get(f"{record}/notes"))["notes"] == []
    for path in ("mailboxes", f"mailboxes/{desk['id']}/mails"):
        with pytest.raises(httpx.HTTPStatusError, match="403"):
            await agent.get(path)
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
        await mailed(stack, {"address": "nobody@demo.example"}, letter())


@pytest.mark.timeout(400)
async def test_bounces_fail_their_delivery_and_machines_open_nothing(
    stack: dict[str, Any], keeper: Gateway, agent: Gateway, host: MailHost, desk: dict[str, Any]
) -> None:
    first = f"{uuid4().hex}@mail.example"
    await mailed(stack, desk, letter(From=REQUESTER, Message_ID=f"<{first}>"))
    record = (await became(keeper, desk, first))["record"]
    await agent.post(f"{record}/notes", {"text": "We are on it.", "public": True})
    sent = await answered(host, record.partition("/")[2])
    delivery = str(sent.message["Message-ID"]).strip("<>").partition("@")[0]

    async def state() -> str:
        return str((await keeper.get(f"deliveries/{delivery}"))["state"])

    async with asyncio.timeout(SOON):
        while await state() != "DELIVERED":  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.2)
    await mailed(stack, desk, bounced(delivery), sender="")
    await became(keeper, desk, f"{delivery}-failed-report@mail.example")
    assert await state() == "FAILED"

    away, loop = f"{uuid4().hex}@mail.example", str(sent.message["Message-ID"]).strip("<>")
    reply = {"From": REQUESTER, "In_Reply_To": str(sent.message["Message-ID"])}
    await mailed(stack, desk, letter("I am away.", Auto_Submitted="auto-replied", Message_ID=f"<{away}>", **reply))
    await mailed(stack, desk, sent.raw, sender=desk["address"])
    for message_id in (away, loop):
        assert (await became(keeper, desk, message_id))["state"] == "IGNORED"
    notes = (await agent.get(f"{record}/notes"))["notes"]
    assert [note["text"] for note in notes] == ["We are on it."]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("place", ["M1", "M2"])
async def test_a_death_beside_the_work_on_a_mail_loses_nothing_and_makes_nothing_twice(
    stack: dict[str, Any], breakable: Breakable, keeper: Gateway, desk: dict[str, Any], place: str
) -> None:
    mark = uuid4().hex
    breakable.order({f"gateway/{place}": {"action": "kill"}})
    await mailed(stack, desk, letter(From=REQUESTER, Subject=f"Printer {mark}", Message_ID=f"<{mark}@mail.example>"))
    await eventually(lambda: not breakable.alive("gateway"), within=SOON)
    await breakable.heal()
    mail = await became(keeper, desk, f"{mark}@mail.example")
    assert mail["state"] == "DONE", mail
    found = (await keeper.get("incidents", filter=f'title = "Printer {mark}"'))["incidents"]
    assert [f"incidents/{each['id']}" for each in found] == [mail["record"]]


@pytest.mark.timeout(400)
async def test_who_is_asked_how_it_was_answers_from_the_mail_and_looking_at_it_answers_nothing(
    stack: dict[str, Any], agent: Gateway, requester: Gateway, host: MailHost
) -> None:
    async with Gateway(stack["gateway"], stack["users"]["incident-manager"]["token"]) as manager:
        body = {"name": "All", "question": "How was it?", "samplingPercent": 100}
        policy = await manager.post("surveyPolicies", body)
        try:
            incident = await requester.post("incidents", {"title": "The kettle"})
            path = f"incidents/{incident['id']}"
            resolved = await agent.post(f"{path}:resolve", {"resolutionCode": "fixed", "resolution": "A new one."})
            await agent.post(f"{path}:close", version=resolved["etag"])

            def links() -> list[str]:
                mails = [each.text() for each in host.to(REQUESTER) if "How was it?" in str(each.message["Subject"])]
                return [
                    line.rpartition(" ")[2]
                    for text in mails
                    if incident["number"] in text
                    for line in text.splitlines()
                    if "/answer/" in line
                ]

            await eventually(links, within=SOON)
            link = f"{stack['gateway']}/answer/{links()[0].rpartition('/')[2]}"
            async with httpx.AsyncClient(trust_env=False, timeout=30) as browser:
                for _ in range(2):
                    shown = await browser.get(link)
                    assert (shown.status_code, "How was it?" in shown.text) == (200, True)
                (survey,) = (await requester.get("surveys", filter=f'about = "{path}"'))["surveys"]
                assert survey["state"] == "SENT"
                assert (await browser.post(link, data={"score": "4", "comment": "Warm."})).status_code == 200
                assert (await browser.post(link, data={"score": "1"})).status_code == 409
                assert (await browser.get(link[:-2])).status_code == 404
            said = await requester.get(f"surveys/{survey['id']}")
            assert (said["state"], said["score"], said["comment"]) == ("ANSWERED", 4, "Warm.")
        finally:
            found = await manager.send("GET", f"surveyPolicies/{policy['id']}")
            await manager.send("DELETE", f"surveyPolicies/{policy['id']}", version=found.json()["etag"])
