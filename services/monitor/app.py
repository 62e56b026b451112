"""The monitor service, plugged together. The only place that knows which parts there are."""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path

from itsm.monitor import v1 as pb
from pydantic import Field

from chassis import outbound, plugins
from chassis import settings as chassis_settings
from chassis.assembly import Assembly
from chassis.due import DueWorker
from chassis.http.listener import Listener
from chassis.outbound import USUAL_PORTS
from chassis.policy import Policy
from chassis.service import Service, Stage
from chassis.telling import Telling
from services.monitor import kept_oncall, reactions
from services.monitor import store as kept
from services.monitor.api.alerts import AlertApi
from services.monitor.api.checks import CheckApi
from services.monitor.api.escalation import EscalationPolicyApi
from services.monitor.api.integrations import IntegrationApi
from services.monitor.api.notifications import NotificationApi
from services.monitor.api.pages import PageApi
from services.monitor.api.rules import AlertRuleApi
from services.monitor.api.schedules import ScheduleApi
from services.monitor.api.series import SeriesApi
from services.monitor.api.silences import SilenceApi
from services.monitor.domain.stages import PIPELINE
from services.monitor.ingest.app import Door
from services.monitor.ingest.keys import KEPT_SECONDS, Keys, exchanging
from services.monitor.ingest.otlp_grpc import OtlpServer
from services.monitor.ingest.samples import SampleDoor
from services.monitor.people import AskedMembers
from services.monitor.ports import NOTIFIERS, Assets, NotifierPlugin
from services.monitor.probes import Probes
from services.monitor.probes.plugin import CHECKS as CHECKS_BY_PLUGINS
from services.monitor.probes.plugin import CheckPlugin
from services.monitor.usecases.alerts import Alerts
from services.monitor.usecases.catalog import Catalog
from services.monitor.usecases.check_results import CHECKS, Results
from services.monitor.usecases.check_worker import CheckWorker
from services.monitor.usecases.checks import Checks
from services.monitor.usecases.delivering import Delivering
from services.monitor.usecases.escalation import Policies
from services.monitor.usecases.evaluation import Evaluation
from services.monitor.usecases.folding import Folding, Retention
from services.monitor.usecases.gathering import Gatherer
from services.monitor.usecases.intake import ALERTS, Intake
from services.monitor.usecases.integrations import Integrations
from services.monitor.usecases.looking import HOLD_FIELD, Looking
from services.monitor.usecases.mirror import Mirror
from services.monitor.usecases.notifying import Notifying, Targets
from services.monitor.usecases.paging import DUE_FIELD as PAGE_DUE
from services.monitor.usecases.paging import PAGES, Calling
from services.monitor.usecases.purging import Purging
from services.monitor.usecases.quiet import Quiet
from services.monitor.usecases.reading import Reading
from services.monitor.usecases.rules import Rules
from services.monitor.usecases.samples import Samples
from services.monitor.usecases.schedules import Schedules
from services.monitor.usecases.series import SeriesReading
from services.monitor.usecases.situations import LOOK_FIELD, LiveSituations

ALERT = "itsm.monitor.v1.AlertService"
INTEGRATION = "itsm.monitor.v1.IntegrationService"
SERIES = "itsm.monitor.v1.SeriesService"
CHECK = "itsm.monitor.v1.CheckService"
ALERT_RULE = "itsm.monitor.v1.AlertRuleService"
SILENCE = "itsm.monitor.v1.SilenceService"
NOTIFICATION = "itsm.monitor.v1.NotificationService"
SCHEDULE = "itsm.monitor.v1.ScheduleService"
ESCALATION_POLICY = "itsm.monitor.v1.EscalationPolicyService"
PAGE = "itsm.monitor.v1.PageService"


class Settings(chassis_settings.Settings):
    """What this service is told beside what every process is."""

    ingest_listen: str = Field("", description="host:port of the HTTP listener for signals and samples; empty: none")
    otlp_listen: str = Field("", description="host:port of the gRPC listener for OpenTelemetry metrics; empty: none")
    keys_seconds: float = Field(
        KEPT_SECONDS, gt=0, le=KEPT_SECONDS, description="how long a sender's key that was good is not asked about again"
    )
    checks_denied: str = Field("", description="networks that no check looks at, separated by commas: `10.0.0.0/8,fd00::/8`")
    rules_seconds: float = Field(15, gt=0, description="how often alert rules are evaluated")
    checks_roots: Path | None = Field(None, description="file with further certificates that checks trust")

    hold_seconds: float = Field(
        10,
        ge=0,
        description="how long an alert waits for its cause when its asset needs others; causes count so long after their end",
    )
    flap_seconds: float = Field(
        60, gt=0, description="one of the twenty intervals by which coming and going too often is judged"
    )
    outbound_networks: str = Field(
        "", description="networks that are not public and may be sent to all the same, separated by commas: `10.0.0.0/8`"
    )
    outbound_denied: str = Field("", description="networks that are never sent to: those of the cluster and its nodes")
    outbound_ports: str = Field(USUAL_PORTS, description="ports that an address may name, also as `8000-8999`")
    outbound_http: bool = Field(False, description="whether addresses may be without TLS")

    alerts_days: float = Field(90, gt=0, description="how many days an alert is kept after it is over")
    series_limit: int = Field(200_000, gt=0, description="how many series of a tenant may be active in a day")
    series_per_minute: int = Field(20_000, gt=0, description="how many series of a tenant may begin in a minute")
    series_fold_seconds: float = Field(
        60, gt=0, description="how often samples are moved from where they came in to their series"
    )
    series_raw_days: float = Field(7, ge=1, description="how many days samples are kept as they came")
    series_5m_days: float = Field(60, ge=1, description="how many days roll-ups of five minutes are kept")
    series_1h_days: float = Field(400, ge=1, description="how many days roll-ups of an hour are kept")


def build(settings: Settings, *, fetch_policy: Callable[[], Awaitable[Policy]] | None = None) -> Service:
    """The service with all its parts. `fetch_policy` replaces the question to the auth service."""
    assembly = Assembly("monitor", settings, kinds=kept.KINDS, indexes=kept.INDEXES, fetch_policy=fetch_policy)
    store, service = assembly.store, assembly.service
    listings = kept.listings(settings.page_token_key.get_secret_value().encode(), store.clock)
    alerts, integrations, reading = Alerts(store), Integrations(store), Reading(store, listings)
    assembly.serve(ALERT, pb.add_AlertServiceServicer_to_server, AlertApi(alerts, reading))
    assembly.serve(INTEGRATION, pb.add_IntegrationServiceServicer_to_server, IntegrationApi(integrations, reading))
    assembly.react(reactions.incidents(alerts))
    expiry = DueWorker(store, "monitor", ALERTS, kept.EXPIRY_FIELD, alerts.expire, service.metrics, name="alert-expiry")
    expiry.attach(service)
    Purging(store, kept=timedelta(days=settings.alerts_days)).attach(service)
    mirror = Mirror(store)
    assembly.emptying.also(mirror.forget)
    looks, notifiers = plugins.load(CHECKS_BY_PLUGINS, settings.plugins), plugins.load(NOTIFIERS, settings.plugins)
    plugins.tell(service, (looks, notifiers))
    situations = _pipeline(assembly, settings, mirror, notifiers.found)
    intake = Intake(store, situations, stages=PIPELINE, follow=(situations.after,))
    keys = Keys(
        exchanging(assembly.channels, settings.auth_target),
        assembly.guard,
        integrations,
        kept_seconds=settings.keys_seconds,
    )
    door = Door(keys, Gatherer(intake), store.clock, assembly.failpoints.reached, service.metrics, Telling(store.backend))
    series = _series(assembly, settings, keys, door, mirror)
    _listen(service, settings.ingest_listen, door)
    _check(assembly, settings, intake, looks.found)
    rules = Rules(store, kept.rule_listing(settings.page_token_key.get_secret_value().encode(), store.clock), series)
    assembly.serve(ALERT_RULE, pb.add_AlertRuleServiceServicer_to_server, AlertRuleApi(rules))
    Evaluation(store, intake, series, every=timedelta(seconds=settings.rules_seconds)).attach(service)
    return service


def _pipeline(
    assembly: Assembly, settings: Settings, mirror: Mirror, notifiers: Mapping[str, NotifierPlugin]
) -> LiveSituations:
    """What alerts go through: the mirror of assets, silences and windows, the second look, and notifications."""
    store, service, key = assembly.store, assembly.service, settings.page_token_key.get_secret_value().encode()
    hold, interval = timedelta(seconds=settings.hold_seconds), timedelta(seconds=settings.flap_seconds)
    situations = LiveSituations(store, mirror, hold=hold, interval=interval)
    looking = Looking(store, situations)
    for field in (HOLD_FIELD, LOOK_FIELD):
        DueWorker(store, "monitor", ALERTS, field, looking.look, service.metrics).attach(service)
    quiet = Quiet(store, looking, *kept.quiet_listings(key, store.clock))
    assembly.serve(SILENCE, pb.add_SilenceServiceServicer_to_server, SilenceApi(quiet))
    policy = outbound.Policy.of(
        networks=settings.outbound_networks,
        denied=settings.outbound_denied,
        ports=settings.outbound_ports,
        http=settings.outbound_http,
    )
    targets = Targets(store, policy, key, *kept.notification_listings(key, store.clock), plugins=notifiers)
    assembly.serve(NOTIFICATION, pb.add_NotificationServiceServicer_to_server, NotificationApi(targets))
    assembly.react(reactions.mirror(mirror))
    assembly.react(reactions.merges(Alerts(store), quiet))
    assembly.react(reactions.alerts(looking, Notifying(store, mirror), _call(assembly, key)))
    Delivering(store, outbound.Outbound(policy), key, notifiers).attach(service)
    return situations


def _call(assembly: Assembly, key: bytes) -> Calling:
    """Who is on call, whom alerts call, and the clock by which they do."""
    store, service = assembly.store, assembly.service
    schedule_list, policy_list, page_list = kept_oncall.listings(key, store.clock)
    schedules, policies = Schedules(store, schedule_list), Policies(store, policy_list)
    calling = Calling(store, page_list, schedules, policies, Alerts(store), AskedMembers(assembly))
    assembly.serve(SCHEDULE, pb.add_ScheduleServiceServicer_to_server, ScheduleApi(schedules))
    assembly.serve(ESCALATION_POLICY, pb.add_EscalationPolicyServiceServicer_to_server, EscalationPolicyApi(policies))
    assembly.serve(PAGE, pb.add_PageServiceServicer_to_server, PageApi(calling))
    DueWorker(store, "monitor", PAGES, PAGE_DUE, calling.advance, service.metrics, name="pages").attach(service)
    return calling


def _check(assembly: Assembly, settings: Settings, intake: Intake, looks: Mapping[str, CheckPlugin]) -> None:
    """Checks: the service, the worker of this process, and who notices that an agent is silent."""
    store, service = assembly.store, assembly.service
    checks_list, results_list = kept.check_listings(settings.page_token_key.get_secret_value().encode(), store.clock)
    roots = ssl.create_default_context()
    if settings.checks_roots is not None:
        roots.load_verify_locations(settings.checks_roots)
    probes = Probes(denied=settings.checks_denied, roots=roots, plugins=looks)
    service.on_stop(Stage.STORE, probes.close)
    results = Results(store, intake, results_list)
    checks = Checks(store, intake, results, probes, checks_list)
    assembly.serve(CHECK, pb.add_CheckServiceServicer_to_server, CheckApi(checks, results))
    assembly.react(reactions.agents(checks))
    CheckWorker(store, results, probes, service.metrics).attach(service)
    silence = DueWorker(store, "monitor", CHECKS, kept.STALE_FIELD, results.lapse, service.metrics, name="check-silence")
    silence.attach(service)


def _series(assembly: Assembly, settings: Settings, keys: Keys, door: Door, assets: Assets) -> SeriesReading:
    """The way of samples in, their keeping, and the way out."""
    store, service = assembly.store, assembly.service
    retention = Retention(
        raw=timedelta(days=settings.series_raw_days),
        five_minutes=timedelta(days=settings.series_5m_days),
        hour=timedelta(days=settings.series_1h_days),
    )
    catalog = Catalog(store, assets, most=settings.series_limit, per_minute=settings.series_per_minute, kept=retention.hour)
    samples = SampleDoor(keys, Samples(store, catalog), service.metrics)
    samples.addresses(door.post)
    if settings.otlp_listen:
        server = OtlpServer(settings.otlp_listen, samples)
        service.on_start(server.start)
        service.on_stop(Stage.EDGE, server.stop)
    folding = Folding(store, assets, retention, service.metrics, every=timedelta(seconds=settings.series_fold_seconds))
    folding.attach(service)
    listing = kept.series_listing(settings.page_token_key.get_secret_value().encode(), store.clock)
    reading = SeriesReading(store, listing, retention)
    assembly.serve(SERIES, pb.add_SeriesServiceServicer_to_server, SeriesApi(reading))
    return reading


def _listen(service: Service, address: str, door: Door) -> None:
    if address:
        listener = Listener(address, door.app, _nothing_to_end)
        service.on_start(listener.start)
        service.on_stop(Stage.EDGE, listener.stop)


async def _nothing_to_end() -> None:
    """No answer at the door goes on for ever."""
