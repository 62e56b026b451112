"""The approvals of requests: asked by the policy that the ordered item names, told back in the transaction of the decision."""

from dataclasses import replace

from chassis import context as ctx
from chassis.errors import Invalid, NotFound
from chassis.store import Store
from services.incident.domain.approval import Approval, ApprovalState
from services.incident.domain.approval_policy import ApprovalPolicy, Facts
from services.incident.domain.quorum import Choice
from services.incident.domain.request import Request
from services.incident.usecases.approving import Approving

RESOURCE = "requests"


class RequestApprovals:
    """See `catalog.Approvals`, `requests.Asks` and `progress.Opinions`."""

    def __init__(self, store: Store, approving: Approving) -> None:
        self._store = store
        self._approving = approving

    async def check_policy(self, id: str) -> None:  # noqa: A002 - as its field
        """Raises `Invalid` for a policy that is not there, or that is meant for something else."""
        try:
            policy = await self._store.get(ApprovalPolicy, id)
        except NotFound:
            raise Invalid({"approval_policy_id": f"there is no approval policy {id}"}) from None
        if policy.resource != RESOURCE:
            raise Invalid({"approval_policy_id": f"{policy.name} is meant for {policy.resource}"})

    async def ask(self, request: Request) -> str:
        """Asks for it; neither who asked nor whom it is for votes."""
        facts = Facts(
            resource=RESOURCE,
            service_ids=[request.service_id] if request.service_id else [],
            team_id=request.team_id,
            category=request.category,
        )
        # A row scope bounds what its caller may read, never who has to agree.
        with ctx.use(replace(ctx.current(), scope={})):
            approval = await self._approving.ask(
                f"{RESOURCE}/{request.id}",
                facts,
                title=f"{request.number} {request.title}"[:300],
                requester_id=request.requester_id,
                barred_ids=[request.receiver_id],
                policy_id=request.approval_policy_id,
            )
        return approval.id

    async def void(self, request: Request, reason: str) -> None:
        """What was asked about it counts no more."""
        with ctx.use(replace(ctx.current(), scope={})):
            await self._approving.end(request.approval_id, ApprovalState.VOID, reason)

    async def words(self, request: Request) -> str:
        """How many of those who were asked have answered."""
        with ctx.use(replace(ctx.current(), scope={})):
            approval = await self._store.get(Approval, request.approval_id)
        stage = approval.current
        if stage is None:
            return ""
        place, stages = approval.stages.index(stage) + 1, len(approval.stages)
        agreed = sum(vote.choice is Choice.APPROVE for vote in stage.votes)
        said = f"{agreed} of {len(stage.seats)} asked {'has' if agreed == 1 else 'have'} agreed"
        return f"Step {place} of {stages}, {stage.rule.name}: {said}." if stages > 1 else f"{said}."


def refusal(approval: Approval) -> str:
    """Why an approval ended without agreement, in words."""
    comments = [vote.comment for stage in approval.stages for vote in stage.votes if vote.choice is Choice.REJECT]
    said = "; ".join(comment for comment in comments if comment)
    if said:
        return said
    return "nobody decided in time" if approval.state is ApprovalState.EXPIRED else approval.reasons[-1]
