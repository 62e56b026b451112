"""Using macros: all of their changes in one transaction, or none; looked at before, and taken back after."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chassis import context as ctx
from chassis.domain import new_id
from chassis.errors import Denied
from chassis.listing import Listing
from chassis.store import Store
from chassis.teams import Teams
from services.incident.domain.incident import Incident
from services.incident.domain.macro import ME, NEEDS, Backwards, Macro, MacroRun, Step, StepKind
from services.incident.domain.placeholders import filled
from services.incident.domain.states import HoldReason, State
from services.incident.usecases.acting import act
from services.incident.usecases.cupboard import SharedCupboard
from services.incident.usecases.incidents import Incidents
from services.incident.usecases.replies import places

REOPEN = "incidents.reopen"
_SHOWN = (
    *("state", "hold_reason", "impact", "urgency", "priority", "category", "service_id", "team_id", "assignee_id"),
    *("resolution_code", "resolution", "watcher_ids"),
)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a macro would make of an incident: the incident, what would change by field, what would be said."""

    incident: Incident
    changes: dict[str, tuple[Any, Any]]
    notes: Sequence[str]


class Macros(SharedCupboard[Macro]):
    """See above."""

    def __init__(self, store: Store, listing: Listing, teams: Teams, incidents: Incidents) -> None:
        super().__init__(store, Macro, listing, "mac", teams)
        self._incidents = incidents

    async def preview(self, id: str, incident_id: str) -> Preview:  # noqa: A002 - as its field
        """What would change. Nothing of it is written. Raises what using it would raise."""
        macro = await self.there(id)
        self._require(macro)
        with ctx.use(replace(ctx.current(), dry_run=True, request_id="")):
            async with self._store.transaction() as tx:
                incident = await tx.get(Incident, incident_id)
                before = _seen(incident)
                notes, _ = await self._make(macro.steps, incident)
                after = _seen(incident)
        return Preview(incident, {name: (before[name], after[name]) for name in _changed(before, after)}, notes)

    async def apply(self, id: str, incident_id: str, *, etag: str = "") -> MacroRun:  # noqa: A002 - as above
        """Makes the changes, all or none. Raises what each of them raises by itself."""
        macro, now = await self.there(id), act(self._store)
        self._require(macro)
        async with self._store.transaction() as tx:
            incident = await tx.get(Incident, incident_id, etag=etag)
            before = _seen(incident)
            _, back = await self._make(macro.steps, incident)
            run = MacroRun.applied(
                now,
                id=new_id("mrn"),
                macro=macro,
                incident_id=incident.id,
                version=incident.version,
                fields=_changed(before, _seen(incident)),
                back=back,
            )
            tx.add(run)
        return run

    async def undo(self, run_id: str) -> MacroRun:
        """Takes back what a use did, as far as it can be. Raises `ForbiddenMove`."""
        now = act(self._store)
        async with self._store.transaction() as tx:
            run = await tx.get(MacroRun, run_id)
            incident = await tx.get(Incident, run.incident_id)
            run.undo(now, incident.version)
            if any(step.text for step in run.backwards) and REOPEN not in ctx.current().permissions:
                raise Denied(REOPEN)
            await self._make(run.backwards, incident, unwatch=True)
            tx.save(run)
        return run

    def _require(self, macro: Macro) -> None:
        for step in macro.steps:
            if NEEDS[step.kind] not in ctx.current().permissions:
                raise Denied(NEEDS[step.kind])

    async def _make(
        self, steps: Sequence[Step], incident: Incident, *, unwatch: bool = False
    ) -> tuple[Sequence[str], Backwards]:
        """Makes the steps; says what was said, and what would take them back, the last first."""
        notes, back = [], Backwards()
        for step in steps:
            text = filled(step.text, places(_document(incident)))
            version, backwards = incident.version, list(_backwards(step, incident))
            await self._one(step, incident.id, text, unwatch=unwatch)
            if text and step.kind in (StepKind.NOTE, StepKind.HOLD):
                notes.append(text)
                back.stays.append("what was said")
            if incident.version != version:
                back.stays += [each for each in backwards if isinstance(each, str)]
                back.steps = [*(each for each in backwards if isinstance(each, Step)), *back.steps]
        return notes, back

    async def _one(self, step: Step, key: str, text: str, *, unwatch: bool) -> None:
        incidents, me = self._incidents, ctx.current().actor.id
        match step.kind:
            case StepKind.UPDATE:
                await incidents.update(key, step.fields)
            case StepKind.ASSIGN:
                await incidents.assign(key, step.team_id, me if step.assignee_id == ME else step.assignee_id)
            case StepKind.START:
                await incidents.start(key)
            case StepKind.HOLD if step.hold_reason is not None:
                await incidents.hold(key, step.hold_reason, text)
            case StepKind.RESUME if not step.text:
                await incidents.resume(key)
            case StepKind.RESUME:
                await incidents.reopen(key, step.text)
            case StepKind.RESOLVE:
                await incidents.resolve(key, step.resolution_code, text)
            case StepKind.NOTE:
                await incidents.note(key, text, step.public)
            case StepKind.WATCH:
                people = [me if each == ME else each for each in step.user_ids]
                await (incidents.unwatch if unwatch else incidents.watch)(key, people)


def _backwards(step: Step, incident: Incident) -> Iterator[Step | str]:
    """The steps that take one back, and what none takes back."""
    match step.kind:
        case StepKind.UPDATE:
            before = {name: getattr(incident, name) for name in step.fields}
            if any(before.values()):
                yield Step(kind=StepKind.UPDATE, **{name: value for name, value in before.items() if value})
            yield from (f"the new {name}" for name, value in before.items() if not value)
        case StepKind.ASSIGN if incident.team_id:
            yield Step(kind=StepKind.ASSIGN, team_id=incident.team_id, assignee_id=incident.assignee_id)
        case StepKind.HOLD if incident.state is State.IN_PROGRESS:
            yield Step(kind=StepKind.RESUME)
        case StepKind.RESUME if incident.hold_reason is not None and incident.hold_reason is not HoldReason.CALLER:
            yield Step(kind=StepKind.HOLD, hold_reason=incident.hold_reason)
        case StepKind.RESOLVE if incident.state is State.IN_PROGRESS:
            yield Step(kind=StepKind.RESUME, text="The macro was taken back.")
        case StepKind.WATCH:
            me = ctx.current().actor.id
            people = (me if each == ME else each for each in step.user_ids)
            if came := [each for each in people if each not in incident.watcher_ids]:
                yield Step(kind=StepKind.WATCH, user_ids=came)
        case StepKind.NOTE:
            return
        case _:
            yield f"that it is no longer {incident.state.replace('_', ' ').lower()}"


def _document(incident: Incident) -> dict[str, Any]:
    return {name: getattr(incident, name) for name in ("number", "title", *_SHOWN, "requester_id")}


def _seen(incident: Incident) -> dict[str, Any]:
    return {name: getattr(incident, name) for name in _SHOWN}


def _changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [name for name in _SHOWN if before[name] != after[name]]
