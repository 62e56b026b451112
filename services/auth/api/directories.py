"""Directories that people come from."""

from typing import Any

from itsm.auth import v1 as pb

from chassis.codec import changes, document_to_message, given, to_message
from chassis.errors import Invalid
from services.auth.api.requests import asked
from services.auth.domain.directory import Directory
from services.auth.usecases.directories import Directories

LONGEST_PASSWORD = 1000


class DirectoryApi(pb.DirectoryServiceServicer):
    """Where people come from, and what became of it."""

    def __init__(self, directories: Directories) -> None:
        self._directories = directories

    async def CreateDirectory(self, request: pb.CreateDirectoryRequest, context: Any) -> pb.Directory:
        password = _password(request.directory)
        made = await self._directories.create(given(request.directory, Directory), password or "")
        return to_message(made, pb.Directory)

    async def GetDirectory(self, request: pb.GetDirectoryRequest, context: Any) -> pb.Directory:
        return document_to_message(await self._directories.get(request.id), pb.Directory)

    async def ListDirectories(self, request: pb.ListDirectoriesRequest, context: Any) -> pb.ListDirectoriesResponse:
        rows, token = await self._directories.page(asked(request))
        found = [document_to_message(row, pb.Directory) for row in rows]
        return pb.ListDirectoriesResponse(directories=found, next_page_token=token)

    async def UpdateDirectory(self, request: pb.UpdateDirectoryRequest, context: Any) -> pb.Directory:
        password = _password(request.directory)
        if request.HasField("update_mask"):
            named = [path for path in request.update_mask.paths if path != "password"]
            if len(named) == len(request.update_mask.paths):
                password = None
            elif password is None:
                password = ""  # named and not given: there is none from now on
            fields = changes(request.directory, named, Directory)
        else:
            fields = given(request.directory, Directory)
        return to_message(await self._directories.update(request.id, fields, password, etag=request.etag), pb.Directory)

    async def DeleteDirectory(self, request: pb.DeleteDirectoryRequest, context: Any) -> pb.Directory:
        return to_message(await self._directories.delete(request.id, etag=request.etag), pb.Directory)

    async def TestDirectory(self, request: pb.TestDirectoryRequest, context: Any) -> pb.TestDirectoryResponse:
        answer = await self._directories.test(request.id)
        failed = [f"It failed: {answer.failed}."] if answer.failed else []
        return pb.TestDirectoryResponse(good=not answer.failed, findings=[*answer.findings, *failed])

    async def SyncDirectory(self, request: pb.SyncDirectoryRequest, context: Any) -> pb.DirectoryRun:
        return to_message(await self._directories.sync(request.id, allow=request.allow), pb.DirectoryRun)

    async def ListDirectoryRuns(self, request: pb.ListDirectoryRunsRequest, context: Any) -> pb.ListDirectoryRunsResponse:
        rows, token = await self._directories.runs(request.directory_id, asked(request))
        found = [document_to_message(row, pb.DirectoryRun) for row in rows]
        return pb.ListDirectoryRunsResponse(directory_runs=found, next_page_token=token)

    async def GetDirectoryRun(self, request: pb.GetDirectoryRunRequest, context: Any) -> pb.DirectoryRun:
        return document_to_message(await self._directories.run(request.directory_id, request.id), pb.DirectoryRun)


def _password(directory: pb.Directory) -> str | None:
    """What was said of the password, taken out of the message: no record has a field for it."""
    password = directory.password if directory.HasField("password") else None
    directory.ClearField("password")
    if password is not None and (len(password) > LONGEST_PASSWORD or "\x00" in password):
        raise Invalid({"password": f"may have {LONGEST_PASSWORD} characters at most"})
    return password
