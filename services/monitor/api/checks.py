"""`itsm.monitor.v1.CheckService`."""

from typing import Any

from itsm.monitor import v1 as pb

from chassis.codec import document_to_message, given, to_message
from chassis.errors import Invalid
from services.monitor.api.requests import named_fields, paging
from services.monitor.domain.check import Check, CheckResult
from services.monitor.usecases.check_results import Results
from services.monitor.usecases.checks import Checks
from services.monitor.usecases.reading import Document

MOST_REPORTED = 1_000


class CheckApi(pb.CheckServiceServicer):
    """Checks: what is looked at, and what was found."""

    def __init__(self, checks: Checks, results: Results) -> None:
        self._checks = checks
        self._results = results

    async def CreateCheck(self, request: pb.CreateCheckRequest, context: Any) -> pb.Check:
        return to_message(await self._checks.create(given(request.check, Check)), pb.Check)

    async def GetCheck(self, request: pb.GetCheckRequest, context: Any) -> pb.Check:
        return document_to_message(await self._checks.get(request.id), pb.Check)

    async def ListChecks(self, request: pb.ListChecksRequest, context: Any) -> pb.ListChecksResponse:
        rows, token = await self._checks.page(request.filter, request.order_by, paging(request))
        return pb.ListChecksResponse(checks=[document_to_message(row, pb.Check) for row in rows], next_page_token=token)

    async def CountChecks(self, request: pb.CountChecksRequest, context: Any) -> pb.CountChecksResponse:
        value, capped = await self._checks.count(request.filter)
        return pb.CountChecksResponse(value=value, capped=capped)

    async def UpdateCheck(self, request: pb.UpdateCheckRequest, context: Any) -> pb.Check:
        fields = named_fields(request, request.check, Check)
        return to_message(await self._checks.update(request.id, fields, etag=request.etag), pb.Check)

    async def EnableCheck(self, request: pb.EnableCheckRequest, context: Any) -> pb.Check:
        return to_message(await self._checks.enable(request.id, etag=request.etag), pb.Check)

    async def DisableCheck(self, request: pb.DisableCheckRequest, context: Any) -> pb.Check:
        return to_message(await self._checks.disable(request.id, etag=request.etag), pb.Check)

    async def RemoveCheck(self, request: pb.RemoveCheckRequest, context: Any) -> pb.Check:
        return to_message(await self._checks.remove(request.id, etag=request.etag), pb.Check)

    async def RunCheck(self, request: pb.RunCheckRequest, context: Any) -> pb.Check:
        return document_to_message(await self._checks.run(request.id), pb.Check)

    async def ReportCheck(self, request: pb.ReportCheckRequest, context: Any) -> pb.Check:
        await self._results.hear(request.id, _result(request.result))
        return document_to_message(await self._checks.get(request.id), pb.Check)

    async def ReportChecks(self, request: pb.ReportChecksRequest, context: Any) -> pb.ReportChecksResponse:
        if len(request.results) > MOST_REPORTED:
            raise Invalid({"results": f"may have {MOST_REPORTED:,} entries"})
        reported = await self._results.report([(each.check_id, _result(each.result)) for each in request.results])
        refused = [
            pb.ReportChecksResponse.Refused(index=each.index, check_id=each.check_id, reason=each.reason)
            for each in reported.refused
        ]
        return pb.ReportChecksResponse(accepted=reported.accepted, refused=refused)

    async def ListCheckResults(self, request: pb.ListCheckResultsRequest, context: Any) -> pb.ListCheckResultsResponse:
        rows, token = await self._results.page(request.id, paging(request))
        return pb.ListCheckResultsResponse(results=[_told(row) for row in rows], next_page_token=token)


def _result(message: pb.CheckResult) -> CheckResult:
    return CheckResult(**given(message, CheckResult))


def _told(row: Document) -> pb.CheckResult:
    return document_to_message({name: value for name, value in row.items() if name != "_id"}, pb.CheckResult)
