"""Looking again at alerts that wait or are kept from people: when their wait is over, or a reason may be gone.

Each look asks all stages afresh. A look that comes twice, late or for nothing does no harm; one that should have come and did
not is made up for by the next, at the latest after `LOOK_AGAIN`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from chassis import context as ctx
from chassis.store import Store, Transaction, Update
from services.monitor.domain import pipeline, stages
from services.monitor.domain.alert import Alert, State, Suppression
from services.monitor.domain.pipeline import Outcome, Situation, Stage, Step
from services.monitor.usecases.evidence import keep
from services.monitor.usecases.intake import ALERTS
from services.monitor.usecases.situations import LOOK_FIELD, LiveSituations, look_at

HOLD_FIELD = "hold_until"


class Looking:
    """Lets alerts through to people when nothing keeps them any more."""

    def __init__(self, store: Store, situations: LiveSituations, *, through: Sequence[Stage] = stages.PIPELINE) -> None:
        self._store, self._situations, self._stages = store, situations, through

    async def look(self, _tenant: str, id: str) -> None:  # noqa: A002 - the field's name everywhere
        """Looks at one alert. One that is over, or was let through, is not looked at again."""
        if await self._looked(id):
            # Its reason is gone, which is told by itself; now it goes on as one that waited.
            await self._looked(id)

    async def wake(self, reference: str, after: datetime) -> int:
        """Has all alerts looked at, from an instant on, that are kept because of a record; says how many."""
        query = {"suppression.reference": reference, "state": State.SUPPRESSED.value}
        return await self._store.backend.update_many(ALERTS, self._store.scoped(query), {"$set": {LOOK_FIELD: after}})

    async def cause_over(self, alert_id: str, end_time: datetime) -> int:
        """A cause is over: what followed from it is looked at when it had time to end too."""
        now = self._store.clock()
        return await self.wake(f"alerts/{alert_id}", max(now, min(end_time, now) + self._situations.hold))

    async def cause_explained(self, alert_id: str) -> int:
        """A cause has turned out to be a consequence: what followed from it follows from something else."""
        return await self.wake(f"alerts/{alert_id}", self._store.clock() + timedelta(milliseconds=1))

    async def _looked(self, id: str) -> bool:  # noqa: A002 - as above
        """One look; says whether to look again at once."""
        now = self._store.clock()
        async with self._store.transaction() as tx:
            found = await tx.find(Alert, {"_id": id}, limit=1)
            if not found:
                return False
            alert = found[0]
            if not alert.is_open or (alert.is_routed and alert.hold_until is None):
                tx.write(look_at(id, None))
                return False
            situation = await self._situations.load([alert], {}, now)
            steps = pipeline.decide(alert, situation, self._stages)
            again = self._taken(tx, alert, steps, situation)
            tx.save(alert, at=now)
        return again

    def _taken(self, tx: Transaction, alert: Alert, steps: Sequence[Step], situation: Situation) -> bool:
        """Takes what the stages say of a known alert; True when that was only that its reason is gone."""
        last, now = steps[-1], situation.now
        if last.suppression is not None:
            self._suppressed(tx, alert, steps, situation)
            return False
        if alert.suppression is not None:
            gone = alert.suppression
            # Told by itself, so that whoever follows alerts sees each step; then it is let through as one that waited.
            alert.flapping = False
            alert.unsuppress(now, hold_until=last.hold_until or now)
            step = Step(
                stage=gone.reason.value.lower(),
                outcome=Outcome.UNSUPPRESSED,
                reason="what kept it is gone",
                reference=gone.reference,
            )
            keep(tx, alert.id, [step], now)
            tx.write(look_at(alert.id, None))
            return last.hold_until is None
        if last.hold_until is not None:
            if alert.hold_until != last.hold_until:  # the wait is another than when it began
                tx.write(_set(alert.id, **{HOLD_FIELD: last.hold_until}))
            return False
        for step in steps[:-1]:
            for name, value in step.fields.items():
                setattr(alert, name, value)
        alert.route(now)
        keep(tx, alert.id, steps, now)
        # One that was let through before tells nothing, and must not be due for ever.
        tx.write(_set(alert.id, **{LOOK_FIELD: None, HOLD_FIELD: None}))
        return False

    def _suppressed(self, tx: Transaction, alert: Alert, steps: Sequence[Step], situation: Situation) -> None:
        last, now, before = steps[-1], situation.now, alert.suppression
        if last.suppression is None:
            return
        if before is None or (before.reason, before.reference) != (last.suppression, last.reference):
            for step in steps:
                for name, value in step.fields.items():
                    setattr(alert, name, value)
            alert.suppress(Suppression(reason=last.suppression, reference=last.reference, since=now), now)
            keep(tx, alert.id, steps, now)
        tx.write(look_at(alert.id, self._situations.next_look(alert, situation)))


def _set(alert_id: str, **fields: datetime | None) -> Update:
    """Written beside the versions: it changes nothing that anybody is told of."""
    return Update(ALERTS, {"_id": alert_id, "tenant": ctx.current().tenant}, {"$set": fields}, strict=False)
