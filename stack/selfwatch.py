"""The platform watches itself: its processes are assets that need each other, with a check each, like all that it watches.

Told through REST, as the demonstration users; what is there already is left as it is, so that a second start changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from stack.errors import StackError

PLATFORM = "ITSM platform"
_OWNERS = ("asset", "incident", "monitor", "auth", "analytics")
# What a process cannot do without. Kafka and Keycloak are missed less: events wait, and who is signed in stays so.
_NEEDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_OWNERS, ("mongo",)),
    "gateway": _OWNERS,
    PLATFORM: ("gateway",),
}
_HEARS: Mapping[str, tuple[str, ...]] = {**dict.fromkeys((*_OWNERS, "gateway"), ("kafka",)), "auth": ("kafka", "keycloak")}
# Nothing can be told of the database before it is back; its alert must not wait then for the machine as a possible cause.
_ALONE = frozenset({"mongo"})
_CLASSES = {"mongo": "database", PLATFORM: "business_service"}
_CRITICALITIES = {"mongo": "CRITICAL", "gateway": "CRITICAL", PLATFORM: "HIGH"}
_INTERVAL = "5s"
_TIMEOUT = "3s"


@dataclass(frozen=True, slots=True)
class Probe:
    """How one sees from outside that a process works: a check's kind (`TCP`, `HTTP`) and target."""

    kind: str
    target: str


class SelfWatch:
    """Makes the records. `keeper` and `watcher` are tokens of an asset manager and of a monitor manager."""

    def __init__(self, gateway: str, *, keeper: str, watcher: str) -> None:
        self._url = f"{gateway}/api/v1"
        self._keeper, self._watcher = keeper, watcher

    async def begin(self, probes: Mapping[str, Probe], *, machine_id: str = "") -> None:
        """Makes what is missing. `machine_id` is the asset that the processes run on; empty while it is not known.

        Raises `StackError` when the platform refuses.
        """
        async with httpx.AsyncClient(base_url=self._url, timeout=20, trust_env=False) as http:
            try:
                ids = {name: await self._asset(http, name) for name in (*probes, PLATFORM)}
                for kind, table in (("USES", _NEEDS), ("INFORMS", _HEARS)):
                    for consumer, providers in table.items():
                        await self._relate(http, kind, ids[consumer], [ids[provider] for provider in providers])
                for name in probes.keys() - _ALONE if machine_id else ():
                    await self._relate(http, "RUNS_ON", ids[name], [machine_id])
                for name, probe in probes.items():
                    await self._check(http, name, probe, ids[name])
            except httpx.HTTPError as error:
                raise StackError(f"the platform cannot be made to watch itself: {error}") from error

    async def _asset(self, http: httpx.AsyncClient, name: str) -> str:
        wanted = {
            "name": name,
            "class": _CLASSES.get(name, "software"),
            "state": "IN_USE",
            "criticality": _CRITICALITIES.get(name, "MEDIUM"),
        }
        found = await self._found(http, "assets", self._keeper, f'name = "{name}" AND class = "{wanted["class"]}"')
        return str((found[0] if found else await self._made(http, "assets", self._keeper, wanted))["id"])

    async def _relate(self, http: httpx.AsyncClient, kind: str, consumer: str, providers: Sequence[str]) -> None:
        there = await self._found(http, "relations", self._keeper, f'consumerId = "{consumer}"')
        known = {(relation["providerId"], relation["kind"]) for relation in there}
        for provider in providers:
            if (provider, kind) not in known:
                wanted = {"providerId": provider, "consumerId": consumer, "kind": kind}
                await self._made(http, "relations", self._keeper, wanted)

    async def _check(self, http: httpx.AsyncClient, name: str, probe: Probe, asset_id: str) -> None:
        there = await self._found(http, "checks", self._watcher, f'assetId = "{asset_id}"')
        if any((check["kind"], check["target"]) == (probe.kind, probe.target) for check in there):
            return
        wanted = {
            "name": f"{name} answers",
            "kind": probe.kind,
            "target": probe.target,
            "interval": _INTERVAL,
            "timeout": _TIMEOUT,
            "assetId": asset_id,
            "severity": "CRITICAL",
        }
        await self._made(http, "checks", self._watcher, wanted)

    async def _found(self, http: httpx.AsyncClient, plural: str, token: str, wanted: str) -> Sequence[dict[str, Any]]:
        answer = await http.get(f"/{plural}", params={"filter": wanted}, headers=_headers(token))
        found: Sequence[dict[str, Any]] = _checked(answer)[plural]
        return found

    async def _made(self, http: httpx.AsyncClient, plural: str, token: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        return _checked(await http.post(f"/{plural}", json=wanted, headers=_headers(token)))


def _headers(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _checked(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise StackError(f"the platform cannot be made to watch itself: {answer.request.url}: {answer.text[:300]}")
    body: dict[str, Any] = answer.json()
    return body
