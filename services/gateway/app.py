"""The gateway, plugged together: one HTTP listener for REST, sign-in and the live stream."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial

import httpx
import orjson
import uvicorn
from fastapi import FastAPI
from pydantic import Field, SecretStr

from chassis import settings as chassis_settings
from chassis.failpoints import Failpoints
from chassis.rpc import Channels
from chassis.service import Service, Stage
from services.gateway import answers, openapi
from services.gateway.credentials import Auth, Credentials
from services.gateway.exchange import Receive, Scope, Send
from services.gateway.limits import App, Limits
from services.gateway.routes import declared
from services.gateway.session import Realm, SignIn
from services.gateway.transcode import Transcoder
from services.gateway.upstream import Upstream

_GRACE_SECONDS = 20


class Settings(chassis_settings.Settings):
    """What the gateway is told beside what every process is."""

    public_url: str = Field("http://127.0.0.1:8080", description="how browsers and programs reach this installation")
    console_client_id: str = Field("itsm-console", description="the client of the realm that people sign in through")
    console_client_secret: SecretStr = Field(SecretStr(""), description="its secret")
    incident_target: str = Field("", description="gRPC address of the incident service")
    asset_target: str = Field("", description="gRPC address of the asset service")
    monitor_target: str = Field("", description="gRPC address of the monitor service")
    analytics_target: str = Field("", description="gRPC address of the analytics service")

    def targets(self) -> Mapping[str, str]:
        """Where each proto package is served."""
        named = {
            "incident": self.incident_target,
            "asset": self.asset_target,
            "monitor": self.monitor_target,
            "auth": self.auth_target,
            "analytics": self.analytics_target,
        }
        return {f"itsm.{name}.v1": target for name, target in named.items() if target}


def build(settings: Settings) -> Service:
    """The process with all its parts."""
    service = Service("gateway", settings)
    failpoints = Failpoints("gateway", settings.failpoints)
    channels, targets = Channels(), settings.targets()
    http = httpx.AsyncClient(timeout=5, trust_env=False)
    upstream = Upstream(channels, targets)
    auth = Auth(channels, settings.auth_target)
    credentials = Credentials(auth, settings.public_url)
    realm = Realm(
        settings.oidc_issuer,
        settings.oidc_internal_url or settings.oidc_issuer,
        settings.console_client_id,
        settings.console_client_secret.get_secret_value(),
        settings.public_url,
    )
    key = settings.page_token_key.get_secret_value().encode()
    sign_in = SignIn(realm, credentials, auth, http, key)

    api = FastAPI(title="itsm", openapi_url=None, docs_url=None, redoc_url=None, exception_handlers=dict(answers.handlers()))
    api.include_router(sign_in.router)
    api.mount("/", _rest(settings, upstream, credentials, failpoints))
    _listen(service, settings, Limits(api, secure=settings.public_url.startswith("https://")))
    service.check("auth", partial(_reachable, channels, settings.auth_target))

    async def close() -> None:
        await http.aclose()
        await channels.close()

    service.on_stop(Stage.STORE, close)
    return service


def _rest(settings: Settings, upstream: Upstream, credentials: Credentials, failpoints: Failpoints) -> App:
    routes = declared()
    discovery = f"{settings.oidc_issuer}/.well-known/openid-configuration"
    description = orjson.dumps(openapi.document(routes, version="v1", oidc_url=discovery))
    transcoder = Transcoder(routes, upstream, credentials, documents={"/api/v1/openapi.json": description})

    async def entry(scope: Scope, receive: Receive, send: Send) -> None:
        await failpoints.reached("R1")
        await transcoder(scope, receive, send)

    return entry


def _listen(service: Service, settings: Settings, app: App) -> None:
    host, _, port = settings.listen.rpartition(":")
    config = uvicorn.Config(
        app,
        host=host,
        port=int(port),
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=75,
        h11_max_incomplete_event_size=64 << 10,
    )
    server = _Server(config)

    async def start() -> None:
        server.serving = asyncio.create_task(server.serve())
        while not server.started:
            if server.serving.done():
                await server.serving
                raise RuntimeError(f"the HTTP listener on {settings.listen} ended at once")
            await asyncio.sleep(0.01)

    async def stop() -> None:
        server.should_exit = True
        if server.serving is not None:
            with suppress(SystemExit):
                await server.serving

    service.on_start(start)
    service.on_stop(Stage.EDGE, stop)


class _Server(uvicorn.Server):
    """Uvicorn as a part of our process: signals are the service's business."""

    serving: asyncio.Task[None] | None = None

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Leaves them to the lifecycle in `chassis.service`."""
        return nullcontext()


async def _reachable(channels: Channels, target: str) -> None:
    async with asyncio.timeout(1.5):
        await channels.to(target).channel_ready()
