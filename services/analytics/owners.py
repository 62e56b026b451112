"""The services whose records are found, asked as this service's account. See `ports.Owners`."""

import unicodedata
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC
from typing import Any

from itsm.operations import v1 as pb

from chassis.assembly import Assembly
from chassis.auth import HOME_TENANT
from chassis.rpc import call
from services.analytics.domain.searching import Text

_SECONDS = 20
_OTHERWISE = "incident"
_BY_KIND = {"assets": "asset"}


class AskedOwners:
    """See `ports.Owners`. `targets` are the addresses of services by name; one without an address owns nothing."""

    def __init__(self, assembly: Assembly, targets: Mapping[str, str]) -> None:
        self._assembly = assembly
        self._targets = {name: target for name, target in targets.items() if target}

    async def read(self, tenant: str, subjects: Sequence[str]) -> list[Text]:
        """See `ports.Owners`."""
        texts = []
        for name in self._targets:
            own = [each for each in subjects if _BY_KIND.get(each.partition("/")[0], _OTHERWISE) == name]
            if own:
                answer = await self._call(name, "ReadTexts", pb.ReadTextsRequest(subjects=own), tenant)
                texts += [_text(each) for each in answer.texts]
        return texts

    async def walk(self) -> AsyncIterator[list[Text]]:
        """See `ports.Owners`."""
        for name in self._targets:
            after = ""
            while True:
                answer = await self._call(name, "WalkTexts", pb.WalkTextsRequest(after=after), HOME_TENANT)
                yield [_text(each) for each in answer.texts]
                after = answer.next
                if not after:
                    break

    async def _call(self, name: str, method: str, request: Any, tenant: str) -> Any:
        stub = pb.TextServiceStub(self._assembly.channels.to(self._targets[name]))
        token = await self._assembly.account.token()
        return await call(getattr(stub, method), request, token=token, tenant=tenant, timeout=_SECONDS, repeatable=True)


def _text(told: pb.Text) -> Text:
    return Text(
        tenant=told.tenant,
        subject=told.subject,
        about=told.about,
        number=told.number,
        # One form of each letter, so that places in a text are the same in what is searched and what is shown.
        title=unicodedata.normalize("NFC", told.title),
        body=unicodedata.normalize("NFC", told.body),
        state=told.state,
        language=told.language,
        update_time=told.update_time.ToDatetime(tzinfo=UTC) if told.HasField("update_time") else None,
        facts=tuple(told.facts),
        internal=told.internal,
    )
