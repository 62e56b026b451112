"""Tasks."""

from typing import Any

from itsm.incident import v1 as pb

from chassis.codec import document_to_message, given, to_message
from chassis.timeline import timeline_entry
from services.incident.api.shared import asked, named
from services.incident.domain.task import Task
from services.incident.usecases.notes import Notes
from services.incident.usecases.reading import Reading
from services.incident.usecases.tasks import Tasks


class TaskApi(pb.TaskServiceServicer):
    """`itsm.incident.v1.TaskService`."""

    def __init__(self, tasks: Tasks, reading: Reading, notes: Notes) -> None:
        self._tasks = tasks
        self._reading = reading
        self._notes = notes

    async def CreateTask(self, request: pb.CreateTaskRequest, context: Any) -> pb.Task:
        return to_message(await self._tasks.create(given(request.task, Task)), pb.Task)

    async def GetTask(self, request: pb.GetTaskRequest, context: Any) -> pb.Task:
        return document_to_message(await self._reading.get(Task, request.id), pb.Task)

    async def ListTasks(self, request: pb.ListTasksRequest, context: Any) -> pb.ListTasksResponse:
        rows, token = await self._reading.page(Task, asked(request))
        return pb.ListTasksResponse(tasks=[document_to_message(row, pb.Task) for row in rows], next_page_token=token)

    async def CountTasks(self, request: pb.CountTasksRequest, context: Any) -> pb.CountTasksResponse:
        value, capped = await self._reading.count(Task, request.filter)
        return pb.CountTasksResponse(value=value, capped=capped)

    async def UpdateTask(self, request: pb.UpdateTaskRequest, context: Any) -> pb.Task:
        fields = named(request, request.task, Task)
        return to_message(await self._tasks.update(request.id, fields, etag=request.etag), pb.Task)

    async def AssignTask(self, request: pb.AssignTaskRequest, context: Any) -> pb.Task:
        assigned = await self._tasks.assign(request.id, request.team_id, request.assignee_id, etag=request.etag)
        return to_message(assigned, pb.Task)

    async def StartTask(self, request: pb.StartTaskRequest, context: Any) -> pb.Task:
        return to_message(await self._tasks.start(request.id, etag=request.etag), pb.Task)

    async def CompleteTask(self, request: pb.CompleteTaskRequest, context: Any) -> pb.Task:
        return to_message(await self._tasks.complete(request.id, request.result, etag=request.etag), pb.Task)

    async def SkipTask(self, request: pb.SkipTaskRequest, context: Any) -> pb.Task:
        return to_message(await self._tasks.skip(request.id, request.reason, etag=request.etag), pb.Task)

    async def FailTask(self, request: pb.FailTaskRequest, context: Any) -> pb.Task:
        return to_message(await self._tasks.fail(request.id, request.reason, etag=request.etag), pb.Task)

    async def RetryTask(self, request: pb.RetryTaskRequest, context: Any) -> pb.Task:
        return to_message(await self._tasks.retry(request.id, etag=request.etag), pb.Task)

    async def CancelTask(self, request: pb.CancelTaskRequest, context: Any) -> pb.Task:
        return to_message(await self._tasks.cancel(request.id, request.reason, etag=request.etag), pb.Task)

    async def AddTaskNote(self, request: pb.AddTaskNoteRequest, context: Any) -> pb.Note:
        return to_message(await self._notes.say(Task, request.id, request.text, request.public), pb.Note)

    async def ListTaskNotes(self, request: pb.ListTaskNotesRequest, context: Any) -> pb.ListTaskNotesResponse:
        rows, token = await self._reading.notes(Task, request.id, asked(request))
        return pb.ListTaskNotesResponse(notes=[document_to_message(row, pb.Note) for row in rows], next_page_token=token)

    async def ListTaskTimeline(self, request: pb.ListTaskTimelineRequest, context: Any) -> pb.ListTaskTimelineResponse:
        rows, token = await self._reading.timeline(Task, request.id, asked(request))
        return pb.ListTaskTimelineResponse(entries=[timeline_entry(row, "task") for row in rows], next_page_token=token)
