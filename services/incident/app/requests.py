"""The catalog, requests for what it offers, and the timers of their clocks."""

from datetime import timedelta

from itsm.incident import v1 as pb

from chassis.due import DueWorker
from chassis.teams import AskedTeams
from services.incident.api.catalog import CatalogItemApi
from services.incident.api.requests import RequestApi
from services.incident.app.parts import Parts
from services.incident.domain.request import Request
from services.incident.store import requests as kept
from services.incident.usecases.catalog import Catalog
from services.incident.usecases.escalations import Escalations
from services.incident.usecases.progress import Progress
from services.incident.usecases.request_approvals import RequestApprovals
from services.incident.usecases.requests import Deciding, Requests

CATALOG = "itsm.incident.v1.CatalogItemService"
REQUESTS = "itsm.incident.v1.RequestService"
SERVICES = (CATALOG, REQUESTS)


def wire(parts: Parts) -> None:
    """Serves them."""
    assembly, store, service = parts.assembly, parts.store, parts.assembly.service
    approvals = RequestApprovals(store, parts.approving)
    catalog = Catalog(store, parts.reading, AskedTeams(assembly.channels, parts.settings.auth_target), approvals)
    window = timedelta(days=parts.settings.reopen_days)
    requests = Requests(store, parts.policies, catalog, parts.tasks, approvals, reopen_window=window)
    parts.approving.on("requests", Deciding(store, requests).decided)
    progress = Progress(store, parts.tasks, approvals)
    assembly.serve(CATALOG, pb.add_CatalogItemServiceServicer_to_server, CatalogItemApi(catalog))
    assembly.serve(REQUESTS, pb.add_RequestServiceServicer_to_server, RequestApi(requests, parts.reading, progress))
    told = Escalations(store, parts.policies, Request)
    timer = DueWorker(
        store,
        "incident",
        kept.REQUESTS,
        kept.DUE_FIELD,
        told.escalate,
        service.metrics,
        name="requests",
        together=told.together,
    )
    timer.attach(service)
