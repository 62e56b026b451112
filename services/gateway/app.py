"""The gateway, plugged together: one HTTP listener for REST, sign-in and the live stream, one for RPCs of what it owns."""

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import orjson
from fastapi import FastAPI
from pydantic import Field, SecretStr
from starlette.routing import Route

from chassis.assembly import Assembly
from chassis.http.listener import Listener
from chassis.rpc import Channels
from chassis.service import Service, Stage
from services.gateway import eventdocs, lookups, notices, owned
from services.gateway import store as kept
from services.gateway.answers_by_link import AnswersByLink, asking, naming
from services.gateway.callers import Callers
from services.gateway.console import BUILT, Console
from services.gateway.jobs import wiring as jobs
from services.gateway.jobs.results import Results
from services.gateway.live.hub import Hub
from services.gateway.live.ring import Cursors, Entry, Ring
from services.gateway.live.stream import PATH, Stream
from services.gateway.live.tail import Tail
from services.gateway.openapi import document as openapi
from services.gateway.owned import OwnSettings
from services.gateway.people import People
from services.gateway.rest import answers
from services.gateway.rest.attachments import Attachments
from services.gateway.rest.entrance import Entrance, EntranceSettings
from services.gateway.rest.exchange import Receive, Scope, Send
from services.gateway.rest.exports import Exports
from services.gateway.rest.limits import App, Limits
from services.gateway.rest.routes import Routes, declared
from services.gateway.rest.selecting import Selecting
from services.gateway.rest.transcode import Transcoder
from services.gateway.rest.upstream import Upstream
from services.gateway.signin.credentials import Auth, Credentials
from services.gateway.signin.revocations import Revocations
from services.gateway.signin.session import Realm, SignIn
from services.gateway.usecases.selections import Selections

_LAST_WORDS_SECONDS = 2.0
_CONNECT_SECONDS = 5.0


class Settings(OwnSettings, EntranceSettings):
    """What the gateway is told beside what every process is."""

    grpc_listen: str = Field("127.0.0.1:0", description="host:port of the gateway's own gRPC listener")
    console_client_id: str = Field("itsm-console", description="the client of the realm that people sign in through")
    console_folder: str = Field("", description="where the built web console lies; empty for web/dist beside the code")
    console_client_secret: SecretStr = Field(SecretStr(""), description="its secret")
    asset_target: str = Field("", description="gRPC address of the asset service")
    monitor_target: str = Field("", description="gRPC address of the monitor service")
    analytics_target: str = Field("", description="gRPC address of the analytics service")
    gateway_target: str = Field("", description="gRPC address of what gateways own; empty for this very process")

    def targets(self) -> Mapping[str, str]:
        """Where each proto package is served."""
        named = {
            "incident": self.incident_target,
            "asset": self.asset_target,
            "monitor": self.monitor_target,
            "auth": self.auth_target,
            "analytics": self.analytics_target,
            "gateway": self.gateway_target,
        }
        return {f"itsm.{name}.v1": target for name, target in named.items() if target}


def build(settings: Settings) -> Service:
    """The process with all its parts."""
    # The address that the gateway is known by is that of HTTP; RPCs of its own come from this very process.
    by_rpc = settings.model_copy(update={"listen": settings.grpc_listen})
    assembly = Assembly("gateway", by_rpc, kinds=kept.KINDS, indexes=kept.INDEXES)
    service, channels = assembly.service, assembly.channels
    auth = Auth(channels, settings.auth_target)
    credentials = Credentials(auth, settings.public_url)
    key = settings.page_token_key.get_secret_value().encode()
    realm = Realm(
        settings.oidc_issuer,
        settings.oidc_internal_url or settings.oidc_issuer,
        settings.console_client_id,
        settings.console_client_secret.get_secret_value(),
        settings.public_url,
    )
    sign_in = SignIn(realm, credentials, auth, assembly.http, key, assembly.clock)
    stream = _stream(settings, assembly, credentials, key)

    api = FastAPI(title="itsm", openapi_url=None, docs_url=None, redoc_url=None, exception_handlers=dict(answers.handlers()))
    api.include_router(sign_in.router)
    api.router.routes.append(_Get(PATH, stream))
    people, links = People(assembly), notices.answer_links(settings, assembly, settings.master(key))
    by_link = AnswersByLink(links, asking(assembly, people, settings.incident_target), naming(people), settings.public_url)
    api.router.routes.append(by_link.route)
    owned.build(settings, assembly, stream.hub.ring)
    upstream = Upstream(channels, settings.targets(), own=lambda: service.address)
    entrance = Entrance.of(settings, service.metrics, assembly.guard)
    service.background("shedding", entrance.shedding.watch)
    routes = declared()
    selections = jobs.build(assembly, routes, upstream, entrance, key)
    lookups.build(assembly, Callers(routes, upstream), stream, key)
    rest = _rest(settings, upstream, credentials, assembly, entrance, routes, selections)
    api.mount("/", Console(rest, Path(settings.console_folder) if settings.console_folder else BUILT))
    app = Limits(entrance.doors(api), secure=settings.public_url.startswith("https://"))
    listener = Listener(settings.listen, app, partial(stream.hub.close, _LAST_WORDS_SECONDS))
    # A gateway that is new among others is given its share at once; who is away now is found later.
    others = [target for target in settings.targets().values() if target != settings.gateway_target]
    service.on_start(partial(channels.open, others, _CONNECT_SECONDS))
    service.on_start(listener.start)
    service.on_stop(Stage.EDGE, listener.stop)
    service.check("auth", partial(_reachable, channels, settings.auth_target))
    return service


def _rest(
    settings: Settings,
    upstream: Upstream,
    credentials: Credentials,
    assembly: Assembly,
    entrance: Entrance,
    routes: Routes,
    selections: Selections,
) -> App:
    failpoints = assembly.failpoints
    discovery = f"{settings.oidc_issuer}/.well-known/openid-configuration"
    description = orjson.dumps(openapi.document(routes, version="v1", oidc_url=discovery))
    documents = {"/api/v1/openapi.json": description, **eventdocs.documents()}
    metrics = assembly.service.metrics
    selecting = Selecting(selections, assembly.guard, assembly.clock)
    transcoder = Transcoder(
        routes, upstream, credentials, documents=documents, metrics=metrics, entrance=entrance, selecting=selecting
    )
    results = Results(Exports(transcoder, routes), routes, upstream, credentials, entrance)
    files = Attachments(results, upstream, credentials, entrance)

    async def entry(scope: Scope, receive: Receive, send: Send) -> None:
        await failpoints.reached("R1")
        await files(scope, receive, send)

    return entry


def _stream(settings: Settings, assembly: Assembly, credentials: Credentials, key: bytes) -> Stream:
    hub = Hub(Ring(Cursors(key, settings.epoch)))

    def offer(entry: Entry) -> None:
        revocations(entry)
        hub.offer(entry)

    tail = Tail(settings, hub.ring, offer, hub.lost)
    if settings.kafka_bootstrap:
        assembly.service.background("stream", tail.run, stage=Stage.CONSUMERS)
        assembly.service.check("stream", tail.check, required=False)
    stream = Stream(hub, tail, credentials, assembly.guard, assembly.failpoints, assembly.service.metrics)
    revocations = Revocations(credentials, stream.again, stream.changed)
    return stream


class _Get(Route):
    """An ASGI application at one path; HEAD, which Starlette adds to GET, would wait for a body that it never gets."""

    def __init__(self, path: str, app: App) -> None:
        super().__init__(path, app, methods=["GET"])
        self.methods = {"GET"}


async def _reachable(channels: Channels, target: str) -> None:
    async with asyncio.timeout(1.5):
        await channels.to(target).channel_ready()
