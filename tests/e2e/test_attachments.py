"""Files of incidents on the running platform: whole or not there, for whoever sees the incident, by REST, mail and CLI."""

import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.e2e.test_mail import REQUESTER, became, mailed
from tests.support.gateway import Gateway, answered
from tests.support.universal import watched

ROOT = Path(__file__).parents[2]
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def requester(stack: dict[str, Any]) -> AsyncIterator[Gateway]:
    """Somebody who sees his own incidents alone."""
    async with Gateway(stack["gateway"], stack["users"]["requester"]["token"]) as gateway:
        yield gateway


async def attach(gateway: Gateway, incident: str, content: Any, query: str = "", **headers: str) -> httpx.Response:
    """A file for an incident; `_` in the name of a header stands for `-`."""
    said = {"content-type": "image/png", "content-disposition": "attachment; filename*=UTF-8''a%20b.png"}
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/api/v1/incidents/{incident}/attachments{query}"
    return await gateway.http.post(path, content=content, headers=said, timeout=120)


async def content(gateway: Gateway, incident: str, attachment: str) -> httpx.Response:
    """What a file holds."""
    path = f"/api/v1/incidents/{incident}/attachments/{attachment}/content"
    return await gateway.http.get(path, timeout=120)


async def test_a_file_goes_in_comes_out_is_on_the_timeline_and_goes(agent: Gateway, requester: Gateway) -> None:
    incident = (await requester.post("incidents", {"title": "It burns"}))["id"]
    path = f"incidents/{incident}/attachments"
    large = PNG + os.urandom(5 << 20)
    key = uuid4().hex
    made = answered(await attach(requester, incident, large, idempotency_key=key))
    again = await attach(requester, incident, large, idempotency_key=key)
    assert (again.json()["id"], again.headers["idempotency-replayed"]) == (made["id"], "true")
    assert (made["fileName"], made["mediaType"], made["size"]) == ("a b.png", "image/png", len(large))
    assert made["sha256"] == hashlib.sha256(large).hexdigest()
    for caller in (requester, agent):
        got = await content(caller, incident, made["id"])
        assert got.content == large
        assert got.headers["content-disposition"].startswith("attachment;")
        assert "sandbox" in got.headers["content-security-policy"]
        assert got.headers["x-content-type-options"] == "nosniff"

    page = answered(await attach(agent, incident, b"<script>alert(1)</script>", "?internal=true", content_type="text/html"))
    assert (page["mediaType"], page["internal"]) == ("text/html", True)
    assert (await content(agent, incident, page["id"])).headers["content-type"] == "application/octet-stream"
    assert (await content(requester, incident, page["id"])).status_code == 404
    assert [each["id"] for each in (await requester.get(path))["attachments"]] == [made["id"]]
    assert {each["id"] for each in (await agent.get(path))["attachments"]} == {made["id"], page["id"]}

    assert (await requester.send("DELETE", f"{path}/{made['id']}", version=made["etag"])).status_code == 403
    assert (await agent.send("DELETE", f"{path}/{made['id']}")).status_code == 428
    assert (await agent.send("DELETE", f"{path}/{made['id']}", version=made["etag"])).status_code == 200
    assert (await content(agent, incident, made["id"])).status_code == 404
    seen = [entry["type"].rpartition(".")[2] for entry in (await requester.get(f"incidents/{incident}/timeline"))["entries"]]
    assert seen == ["AttachmentRemoved", "AttachmentAdded", "IncidentOpened"]
    assert len((await agent.get(f"incidents/{incident}/timeline"))["entries"]) == len(seen) + 1


async def test_what_is_refused_leaves_nothing(stack: dict[str, Any], agent: Gateway, requester: Gateway) -> None:
    incident = (await agent.post("incidents", {"title": "Not hers"}))["id"]

    async def kept() -> Any:
        return await agent.get(f"incidents/{incident}/attachments")

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(1 << 20)

    async def stops() -> AsyncIterator[bytes]:
        yield PNG + bytes(2 << 20)
        raise ConnectionAbortedError

    async with watched(stack, agent, unchanged=kept) as watch:
        for answer, status in (
            (await attach(agent, incident, b""), 422),
            (await attach(agent, incident, b"<svg onload='alert(1)'/>"), 422),
            (await attach(agent, incident, PNG, content_disposition="attachment; filename=a.png.exe"), 422),
            (await attach(agent, incident, PNG, content_digest=f"sha-256=:{'A' * 43}=:"), 422),
            (await attach(agent, incident, bytes(26 << 20), content_type=""), 413),
            (await attach(requester, incident, PNG), 404),
            (await content(requester, incident, "att_nowhere"), 404),
        ):
            watch.saw(answer)
            assert answer.status_code == status, answer.text
        assert (await attach(agent, incident, endless(), content_type="")).status_code == 413
        with pytest.raises(ConnectionAbortedError):
            await attach(agent, incident, stops(), content_type="")


@pytest.mark.timeout(300)
async def test_files_of_a_mail_are_files_of_its_incident_and_the_command_line_has_them(
    stack: dict[str, Any], keeper: Gateway, requester: Gateway, tmp_path: Path
) -> None:
    desk = await keeper.post("mailboxes", {"address": f"desk-{uuid4().hex[:8]}@demo.example", "name": "Desk"})
    name, picture = f"{uuid4().hex}@mail.example", PNG + os.urandom(2 << 20)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = REQUESTER, desk["address"], "Printer", f"<{name}>"
    mail.set_content("See the picture.")
    mail.add_attachment(picture, maintype="image", subtype="png", filename="burning.png")
    mail.add_attachment(b"MZ", maintype="application", subtype="octet-stream", filename="setup.exe")
    await mailed(stack, desk, mail.as_bytes())
    done = await became(keeper, desk, name)
    assert done["state"] == "DONE" and "setup.exe" in done["reason"], done
    incident = done["record"].partition("/")[2]
    (found,) = (await requester.get(f"{done['record']}/attachments"))["attachments"]
    me = (await requester.get("users:whoami"))["subject"]
    assert (found["fileName"], found["mediaType"], found["uploaderId"]) == ("burning.png", "image/png", me)

    async def itsm(*arguments: str) -> str:
        about = {"ITSM_URL": stack["gateway"], "ITSM_TOKEN": stack["users"]["agent"]["token"]}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli", "inc", *arguments, cwd=ROOT, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "ITSM_CONFIG_DIR": str(tmp_path / "itsm"), **about},
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode()

    copy, note = tmp_path / "copy.png", tmp_path / "käse.txt"
    await itsm("download", incident, found["id"], "--to", str(copy))
    assert copy.read_bytes() == picture
    note.write_text("what helped")
    await itsm("attach", str(note), incident)
    assert "käse.txt" in await itsm("attachments", incident) and "burning.png" in await itsm("attachments", incident)
