"""`itsm.gateway.v1.JobService`."""

from typing import Any

from itsm.gateway import v1 as pb

from chassis import protojson
from chassis.codec import document_to_message, to_message
from services.gateway.api.requests import asked
from services.gateway.domain.job import Format, Kind
from services.gateway.usecases.jobs import Jobs, Wish


class JobApi(pb.JobServiceServicer):
    """Jobs, and what became of them."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    async def CreateJob(self, request: pb.CreateJobRequest, context: Any) -> pb.Job:
        wish = Wish(
            kind=Kind(pb.Job.Kind.Name(request.kind)),
            resource=request.resource,
            action=request.action,
            parameters=protojson.to_dict(request).get("parameters") or {},
            ids=tuple(request.ids),
            selection=request.selection,
            filter=request.filter,
            fields=tuple(request.fields),
            order_by=request.order_by,
            format=Format(pb.Job.Format.Name(request.format)) if request.format else None,
        )
        return to_message(await self._jobs.create(wish), pb.Job)

    async def GetJob(self, request: pb.GetJobRequest, context: Any) -> pb.Job:
        return document_to_message(await self._jobs.get(request.id), pb.Job)

    async def ListJobs(self, request: pb.ListJobsRequest, context: Any) -> pb.ListJobsResponse:
        rows, token = await self._jobs.page(asked(request))
        return pb.ListJobsResponse(jobs=[document_to_message(row, pb.Job) for row in rows], next_page_token=token)

    async def ListJobItems(self, request: pb.ListJobItemsRequest, context: Any) -> pb.ListJobItemsResponse:
        rows, token = await self._jobs.items(request.job_id, asked(request))
        return pb.ListJobItemsResponse(items=[document_to_message(row, pb.JobItem) for row in rows], next_page_token=token)

    async def CancelJob(self, request: pb.CancelJobRequest, context: Any) -> pb.Job:
        return to_message(await self._jobs.cancel(request.id, etag=request.etag), pb.Job)

    async def UndoJob(self, request: pb.UndoJobRequest, context: Any) -> pb.Job:
        return to_message(await self._jobs.undo(request.id, etag=request.etag), pb.Job)

    async def DeleteJob(self, request: pb.DeleteJobRequest, context: Any) -> pb.Job:
        return to_message(await self._jobs.delete(request.id, etag=request.etag), pb.Job)

    async def ReadJobResult(self, request: pb.ReadJobResultRequest, context: Any) -> pb.ReadJobResultResponse:
        job, content = await self._jobs.piece(request.id, request.piece)
        return pb.ReadJobResultResponse(content=content, result=document_to_message(job["result"], pb.Job.Result))
