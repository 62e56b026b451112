"""What the service desk tells the index: every record with a number, and notes with who may read what they are about."""

import pytest

from chassis import context as ctx
from chassis.errors import Denied, Invalid
from chassis.testing import caller
from chassis.texts import LONGEST, MOST, TextApi, Texts
from services.incident.app.texts import wordings
from tests.unit.incident.desk import Desk

ANN = caller(subject="ann", scope={"requester_id": "ann"})
AMY, OTHER = caller(subject="amy"), caller("other", "otto")


async def test_records_and_their_notes_are_told_with_whom_they_are_for() -> None:
    desk = Desk()
    texts = Texts(desk.store, wordings())
    with ctx.use(ANN):
        incident = await desk.incidents.open({"title": "No mail", "description": "d" * 30_000, "category": "mail"})
    with ctx.use(AMY):
        secret = await desk.incidents.note(incident.id, "between us", False)
        said = await desk.incidents.note(incident.id, "to everybody", True)
        subjects = [f"incidents/{incident.id}", f"notes/{secret.id}", f"notes/{said.id}", "notes/note_gone", "tokens/tok_1"]
        whole, *notes = sorted(await texts.read(subjects), key=lambda text: text.subject)
    assert (whole.number, whole.title, whole.state, list(whole.facts)) == (
        incident.number, "No mail", "NEW", ["requester_id=ann"]
    )  # fmt: skip
    assert len(whole.body) == LONGEST and not whole.internal and not whole.about
    assert {(note.body, note.internal) for note in notes} == {("between us", True), ("to everybody", False)}
    for note in notes:
        assert (note.about, note.number, note.title, list(note.facts)) == (
            whole.subject, whole.number, "No mail", ["requester_id=ann"]
        )  # fmt: skip
    with ctx.use(OTHER):
        assert await texts.read([whole.subject]) == []
        with pytest.raises(Invalid):
            await texts.read(["incidents/x"] * (MOST + 1))


async def test_a_walk_meets_every_record_of_every_tenant_once_and_is_for_services_alone() -> None:
    desk = Desk()
    texts = Texts(desk.store, wordings())
    made = set()
    for who in (AMY, OTHER):
        with ctx.use(who):
            for place in range(MOST // 2 + 10):
                incident = await desk.incidents.open({"title": f"Number {place}"})
                made.add((who.tenant, f"incidents/{incident.id}"))
            note = await desk.incidents.note(incident.id, "text", True)
            made.add((who.tenant, f"notes/{note.id}"))
    met, after = [], ""
    while True:
        found, after = await texts.walk(after)
        met += [(text.tenant, text.subject) for text in found]
        if not after:
            break
    assert len(met) == len(made) and set(met) == made
    with pytest.raises(Invalid):
        await texts.walk("tokens/tok_1")
    with ctx.use(caller(subject="admin", permissions=frozenset({"texts.read"}))):
        for ask in (TextApi(texts).ReadTexts, TextApi(texts).WalkTexts):
            with pytest.raises(Denied):
                await ask(None, None)  # type: ignore[arg-type] # it is refused before it is read
