"""Jobs, plugged together: the resource, and what does them in this very process."""

import asyncio
from collections.abc import Sequence

from itsm.gateway import v1 as pb

from chassis.assembly import Assembly
from services.gateway import store as kept
from services.gateway.api.jobs import JobApi
from services.gateway.domain.job import Job
from services.gateway.jobs.actions import Actions
from services.gateway.jobs.hands import CALLS_AT_ONCE, Hands, delegating
from services.gateway.jobs.results import SERVICE
from services.gateway.jobs.runner import Runner
from services.gateway.rest.entrance import Entrance
from services.gateway.rest.routes import Routes
from services.gateway.rest.upstream import Upstream
from services.gateway.usecases.jobs import Jobs
from services.gateway.usecases.selections import Selections


def build(assembly: Assembly, routes: Routes, upstream: Upstream, entrance: Entrance, key: bytes) -> Selections:
    """Adds it all to the process; says what reads and makes selections."""
    store, actions, delegate = assembly.store, Actions(routes), delegating(assembly)
    selections = Selections(key, store.clock)
    listing, items = kept.job_listing(key, store.clock), kept.item_listing(key, store.clock)
    jobs = Jobs(store, actions, selections, listing, items)
    assembly.serve(SERVICE, pb.add_JobServiceServicer_to_server, JobApi(jobs))

    turns = asyncio.Semaphore(CALLS_AT_ONCE)

    def equip(tenant: str, job: Job, needs: Sequence[str]) -> Hands:
        return Hands(job, tenant, needs, upstream, entrance.shedding, assembly.guard, delegate, turns)

    Runner(store, actions, equip).attach(assembly.service)
    return selections
