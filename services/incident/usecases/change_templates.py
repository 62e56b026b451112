"""Templates of standard changes: one public method per command, one transaction each."""

from collections.abc import Mapping
from typing import Any

from chassis.domain import Ids, new_id
from chassis.store import Store
from services.incident.domain.approval import Approval, ApprovalState
from services.incident.domain.approval_policy import Facts
from services.incident.domain.change_template import ChangeTemplate, TemplateState
from services.incident.domain.risk import Record, weigh
from services.incident.usecases.acting import act
from services.incident.usecases.approving import Approving

TEMPLATES = "change_templates"
RESOURCE = "changeTemplates"


class ChangeTemplates:
    """What people may do with templates. `etag` is the version that the caller decided on, or empty."""

    def __init__(self, store: Store, approving: Approving, *, ids: Ids = new_id) -> None:
        self._store, self._approving, self._ids = store, approving, ids
        approving.on(RESOURCE, self._decided)

    async def create(self, fields: Mapping[str, Any]) -> ChangeTemplate:
        """A new template, to be approved before it is used."""
        async with self._store.transaction() as tx:
            template = ChangeTemplate.made(act(self._store), id=self._ids("ctp"), **fields)
            tx.add(template)
        return template

    async def update(self, id: str, fields: Mapping[str, Any], *, etag: str = "") -> ChangeTemplate:  # noqa: A002 - its name
        """Edits the named fields; what was approved of it needs a new approval then."""
        async with self._store.transaction() as tx:
            template = await tx.get(ChangeTemplate, id, etag=etag)
            if template.edit(act(self._store), **fields) and template.approval_id:
                await self._approving.end(template.approval_id, ApprovalState.VOID, "the template was edited")
            tx.save(template)
        return template

    async def submit(self, id: str, *, etag: str = "") -> ChangeTemplate:  # noqa: A002 - its name
        """Asks for its approval as it stands."""
        async with self._store.transaction() as tx:
            template = await tx.get(ChangeTemplate, id, etag=etag)
            now = act(self._store)
            risk, _, _ = weigh(template.questions, 0, len(template.service_ids), Record())
            facts = Facts(
                resource=RESOURCE,
                risk=risk,
                service_ids=template.service_ids,
                team_id=template.team_id,
                category=template.category,
            )
            approval = await self._approving.ask(
                f"{RESOURCE}/{template.id}",
                facts,
                title=template.name,
                requester_id=template.requester_id,
                barred_ids=[template.edited_by_id, now.by],
            )
            template.submitted(now, approval.id)
            tx.save(template)
        return template

    async def reinstate(self, id: str, review: str, *, etag: str = "") -> ChangeTemplate:  # noqa: A002 - its name
        """May be used again."""
        async with self._store.transaction() as tx:
            template = await tx.get(ChangeTemplate, id, etag=etag)
            template.reinstate(act(self._store), review=review)
            tx.save(template)
        return template

    async def retire(self, id: str, *, etag: str = "") -> ChangeTemplate:  # noqa: A002 - its name
        """Out of use for good."""
        async with self._store.transaction() as tx:
            template = await tx.get(ChangeTemplate, id, etag=etag)
            template.retire(act(self._store))
            if template.approval_id:
                await self._approving.end(template.approval_id, ApprovalState.VOID, "the template is out of use")
            tx.save(template)
        return template

    async def _decided(self, approval: Approval) -> None:
        async with self._store.transaction() as tx:
            template = await tx.get(ChangeTemplate, approval.subject.partition("/")[2])
            if template.approval_id == approval.id and template.state is TemplateState.WAITING:
                template.decided(act(self._store), approval.state is ApprovalState.APPROVED)
                tx.save(template)
