"""Who is let in, and how fast: rate limits and load shedding, plugged together from the settings."""

import ipaddress
import logging
from collections.abc import Sequence

from pydantic import Field

from chassis import settings as chassis_settings
from chassis.errors import Denied, Error, Unauthenticated
from chassis.guard import Guard
from chassis.http.problems import Problem
from chassis.telemetry import Metrics
from services.gateway.rest import manners
from services.gateway.rest.exchange import Exchange, Receive, Scope, Send, request_id
from services.gateway.rest.limits import App
from services.gateway.rest.rates import Rates
from services.gateway.rest.route import Route
from services.gateway.rest.shedding import Class, Shedding

_DOORS = ("/auth/login", "/auth/callback", "/auth/backchannel-logout", "/answer/")
_log = logging.getLogger(__name__)


class EntranceSettings(chassis_settings.Settings):
    """How much may be asked for."""

    rate_principal: int = Field(6_000, ge=0, description="units a minute that one caller may ask for; 0: any")
    rate_tenant: int = Field(60_000, ge=0, description="units a minute that a tenant may ask for; 0: any")
    rate_sign_in: int = Field(600, ge=0, description="sign-ins a minute from one address; 0: any")
    rate_replicas: int = Field(1, ge=1, description="how many gateways share these limits")
    trusted_proxies: str = Field(
        "", description="networks whose `X-Forwarded-For` is believed when sign-ins are counted, separated by commas"
    )
    require_idempotency_key: bool = Field(
        False, description="whether what makes a record is refused without an `Idempotency-Key`, as a batch always is"
    )
    max_in_flight: int = Field(512, ge=0, description="requests that are answered at once before some are put off; 0: any")

    def rates(self) -> Rates:
        """The buckets. Raises `ValueError` for what is no network."""
        return Rates(
            principal=self.rate_principal,
            tenant=self.rate_tenant,
            sign_in=self.rate_sign_in,
            replicas=self.rate_replicas,
            trusted=[ipaddress.ip_network(part.strip()) for part in self.trusted_proxies.split(",") if part.strip()],
        )


class Entrance:
    """Asked before a request is answered. Without rates and a guard anybody is let in."""

    def __init__(
        self,
        rates: Rates | None = None,
        shedding: Shedding | None = None,
        guard: Guard | None = None,
        *,
        keyed: bool = False,
    ) -> None:
        self._rates, self._guard, self._keyed = rates or Rates(), guard, keyed
        self.shedding = shedding or Shedding(0)

    @classmethod
    def of(cls, settings: EntranceSettings, metrics: Metrics, guard: Guard) -> "Entrance":
        """The entrance that the settings ask for."""
        shedding = Shedding(settings.max_in_flight, metrics)
        return cls(settings.rates(), shedding, guard, keyed=settings.require_idempotency_key)

    def check_key(self, route: Route, key: str, *, dry_run: bool) -> None:
        """Raises `Problem` 400 for what would make a record twice when it is sent twice, where that is not wanted."""
        if self._keyed and route.creates and not key and not dry_run:
            text = "what makes a record needs an Idempotency-Key, so that it can be sent again"
            raise Problem(400, "malformed", text, reason="IDEMPOTENCY_KEY_REQUIRED")

    async def take(self, exchange: Exchange, route: Route, metadata: Sequence[tuple[str, str]], *, operations: int = 0) -> None:
        """Counts a request, or the `operations` of a batch. Raises `Problem` 429.

        Of an operation that makes many RPCs, also what refuses a token: `Unauthenticated` or `Denied`.
        """
        if self._guard is None or not (self._rates.on or route.generic):
            return
        said = dict(metadata)
        token = said.get("authorization", "").removeprefix("Bearer ")
        if not token:
            return
        try:
            principal = await self._guard.verify(token, said.get("x-itsm-tenant", ""))
        except Error as error:
            if route.generic and isinstance(error, Unauthenticated | Denied):
                raise  # one request of nobody's must not become hundreds to the service, each to be refused
            return  # whose token is not taken is told so by the service, and shares no bucket with anybody
        cost = operations or manners.COSTS[route.kind]
        try:
            exchange.standing = self._rates.take(principal.tenant, principal.subject, cost)
        except Problem:
            _log.warning("Rate limit reached.", extra={"request": exchange.request_id, "tenant": principal.tenant})
            raise

    def doors(self, app: App) -> App:
        """Wraps what people sign in through."""

        async def entry(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"].startswith(_DOORS):
                try:
                    self._rates.sign_in(scope)
                except Problem:
                    _log.warning("Too many sign-ins.", extra={"request": request_id(scope)})
                    raise
                with self.shedding.admitted(Class.CRITICAL):
                    await app(scope, receive, send)
                return
            await app(scope, receive, send)

        return entry
