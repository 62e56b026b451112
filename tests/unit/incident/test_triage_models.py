"""Models of a tenant: learned beside the service from what people did, put to use one at a time, believed only when whole."""

import asyncio
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import context as ctx
from chassis.errors import AlreadyExists, ForbiddenMove
from chassis.testing import caller
from services.incident.domain.moves import moved
from services.incident.domain.triage_model import MOVES, ModelState, Purpose, TriageModel
from services.incident.triage.likeness import Likeness, index
from services.incident.triage.model import UnusableModel
from services.incident.usecases.triage import PIECES, Triage
from services.incident.usecases.triage_training import MOST_ATTEMPTS, READY_KEPT, TriageTraining
from tests.unit.incident.desk import Again, Desk
from tests.unit.incident.test_triage import LABELS, TEXTS

ANN = caller("ann", "agent")
ENOUGH = 768 << 20


class Room(Desk):
    """A desk that learns."""

    def __init__(self, memory: int = ENOUGH) -> None:
        super().__init__()
        self.triage = Again(Triage(self.store))
        self.training = TriageTraining(self.store, most=1_000, memory=memory)

    async def has_a_past(self) -> None:
        """Incidents that teams have resolved, by what they are about."""
        for text, label in zip(TEXTS, LABELS, strict=True):
            incident = await self.incidents.open({"title": text, "category": label})
            await self.incidents.assign(incident.id, f"team_{label.lower()}", "ann")
            await self.incidents.resolve(incident.id, "DONE", f"{label} was looked after")

    async def learned(self, purpose: Purpose, *, held_back: bool = False) -> TriageModel:
        model: TriageModel = await self.triage.create(purpose, held_back=held_back)
        await self.training.train(ANN.tenant, model.id)
        return await self.store.get(TriageModel, model.id)


@pytest.fixture(scope="module")
def room() -> Room:
    """What it learned is the same for every question of this module; a process that learns takes seconds."""
    room = Room()

    async def prepare() -> None:
        with ctx.use(ANN):
            await room.has_a_past()
            for purpose in (Purpose.TEAM, Purpose.SIMILAR_INCIDENTS):
                assert (await room.learned(purpose)).state is ModelState.ACTIVE

    asyncio.run(prepare())
    return room


async def test_a_new_incident_gets_a_team_with_how_sure_that_is_and_those_before_it(room: Room) -> None:
    with ctx.use(ANN):
        new = await room.incidents.open({"title": "Badge and password", "description": "reset of the account password please"})
        said = await room.triage.suggest(new.number)
        assert (await room.store.get(type(new), new.id)).etag == new.etag
    (team,) = said.labels
    assert team.purpose is Purpose.TEAM
    assert team.labels[0].label == "team_access"
    assert team.labels[0].confidence > 0.5
    assert "password" in said.similar[0].document["title"]
    assert [each.likeness for each in said.similar] == sorted((each.likeness for each in said.similar), reverse=True)


async def test_similar_ones_are_those_that_the_caller_may_see_and_never_itself(room: Room) -> None:
    with ctx.use(ANN):
        old = await room.store.find("incidents", {"title": TEXTS[0]})
        said = await room.triage.suggest(old[0]["_id"])
        assert said.similar
        assert old[0]["_id"] not in [each.document["_id"] for each in said.similar]
    with ctx.use(replace(ANN, scope={"_id": old[0]["_id"]})):
        assert (await room.triage.suggest(old[0]["_id"])).similar == []


async def test_another_tenant_is_told_nothing_of_it(room: Room) -> None:
    with ctx.use(replace(ANN, tenant="other")):
        new = await room.incidents.open({"title": "reset of account password"})
        said = await room.triage.suggest(new.id)
    assert (said.labels, said.similar) == ([], [])


async def test_too_few_tickets_teach_nothing_and_say_so() -> None:
    room = Room()
    with ctx.use(ANN):
        model = await room.learned(Purpose.CATEGORY)
        assert model.state is ModelState.FAILED
        assert "needs 2 labels" in model.failure
        await room.triage.create(Purpose.CATEGORY, held_back=False)


async def test_what_would_take_more_memory_than_it_may_fails_and_the_service_lives() -> None:
    room = Room(memory=64 << 20)
    with ctx.use(ANN):
        await room.has_a_past()
        model = await room.learned(Purpose.TEAM)
    assert model.state is ModelState.FAILED
    assert "the process that learns ended with" in model.failure


async def test_one_that_ends_the_service_each_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room()
    with ctx.use(ANN):
        model = await room.triage.create(Purpose.TEAM, held_back=False)
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        for _ in range(MOST_ATTEMPTS):
            with pytest.raises(FileNotFoundError):
                await room.training.train(ANN.tenant, model.id)
        await room.training.train(ANN.tenant, model.id)
        found = await room.store.get(TriageModel, model.id)
    assert found.state is ModelState.FAILED
    assert "attempts" in found.failure


async def test_only_one_of_a_purpose_is_learned_at_a_time() -> None:
    room = Room()
    with ctx.use(ANN):
        first = await room.triage.create(Purpose.TEAM, held_back=False)
        with pytest.raises(AlreadyExists) as refusal:
            await room.triage.create(Purpose.TEAM, held_back=False)
        assert first.id in str(refusal.value)
        await room.triage.create(Purpose.CATEGORY, held_back=False)


async def test_one_is_active_the_last_ones_stay_ready_and_older_ones_are_forgotten() -> None:
    room = Room()
    with ctx.use(ANN):
        models = []
        for _ in range(READY_KEPT + 2):
            room.clock.advance(seconds=1)
            models.append(await room.learned(Purpose.SIMILAR_INCIDENTS))
        states = [(await room.store.get(TriageModel, model.id)).state for model in models]
        assert states == [ModelState.RETIRED, *[ModelState.READY] * READY_KEPT, ModelState.ACTIVE]
        back = await room.triage.activate(models[1].id)
        assert back.state is ModelState.ACTIVE
        assert (await room.store.get(TriageModel, models[-1].id)).state is ModelState.READY
        assert not await room.backend.find(PIECES, {"_id": f"{models[0].id}|0", "tenant": ANN.tenant})
        with pytest.raises(ForbiddenMove):
            await room.triage.activate(models[0].id)
        gone = await room.triage.retire(models[1].id)
        assert gone.state is ModelState.RETIRED
        assert await room.store.find("triage_models", {"state": "ACTIVE"}) == []


async def test_one_that_is_held_back_waits_to_be_activated() -> None:
    room = Room()
    with ctx.use(ANN):
        model = await room.learned(Purpose.SIMILAR_INCIDENTS, held_back=True)
        assert model.state is ModelState.READY
        assert (await room.triage.activate(model.id)).state is ModelState.ACTIVE


@given(st.lists(st.sampled_from(sorted(MOVES)), max_size=12))
def test_a_walk_over_its_states_never_leaves_the_table(verbs: list[str]) -> None:
    state = ModelState.TRAINING
    for verb in verbs:
        try:
            after = moved(MOVES, state, verb)
        except ForbiddenMove:
            continue
        assert state in MOVES[verb].sources
        assert after is MOVES[verb].target
        state = after


def test_an_index_finds_the_likest_first_and_survives_being_kept() -> None:
    ids = [f"inc_{number}" for number in range(len(TEXTS))]
    found = Likeness.from_bytes(index(ids, TEXTS).to_bytes()).alike(TEXTS[0], 5, 0.2)
    assert found[0].id == "inc_0"
    assert found[0].likeness > 0.99
    assert len(found) <= 5


def test_an_index_of_nothing_finds_nothing() -> None:
    assert index([], []).alike("anything", 5, 0.0) == []
    assert Likeness.from_bytes(index(["a"], [""]).to_bytes()).alike("anything", 5, 0.0) == []


@given(st.lists(st.text(max_size=60), max_size=8), st.text(max_size=60))
def test_whatever_tickets_say_likeness_is_between_nothing_and_one(texts: list[str], asked: str) -> None:
    for each in index([str(at) for at in range(len(texts))], texts).alike(asked, 3, 0.0):
        assert 0 <= each.likeness <= 1


@pytest.mark.parametrize("data", [b"", b"PK", b"\x80\x04."])
def test_what_is_no_index_is_told_apart(data: bytes) -> None:
    with pytest.raises(UnusableModel):
        Likeness.from_bytes(data)
