"""The auth service, plugged together. The only place that knows which parts there are."""

import asyncio
from functools import partial

import orjson
from itsm.auth import v1 as pb
from keycloak import KeycloakAdmin
from pydantic import Field, SecretStr

from chassis import settings as chassis_settings
from chassis.assembly import Assembly
from chassis.auth import Issuer, Keys, own_issuer
from chassis.domain import SystemClock, uuid7
from chassis.due import DueWorker
from chassis.lease import Lease
from chassis.management import Answer
from chassis.outbound import Policy as Reachable
from chassis.policy import Policy
from chassis.sealing import Sealing
from chassis.service import Service
from chassis.trust import trusting
from services.auth import store as kept
from services.auth.api.audit import AuditApi
from services.auth.api.directories import DirectoryApi
from services.auth.api.exchange import DelegationApi, ExchangeApi
from services.auth.api.people import UserApi
from services.auth.api.policy import PolicyApi
from services.auth.api.roles import RoleApi
from services.auth.api.tokens import TokenApi
from services.auth.domain import roles
from services.auth.keycloak import KeycloakDirectory, KeycloakLog, KeycloakPeople, connect
from services.auth.ldap import LdapReader
from services.auth.reactions import reactions
from services.auth.realm.wanted import CONSOLE
from services.auth.usecases.audit import AuditLog
from services.auth.usecases.credentials import Credentials
from services.auth.usecases.directories import Directories
from services.auth.usecases.logout import LogoutTokens
from services.auth.usecases.mirror import Mirror
from services.auth.usecases.people import People
from services.auth.usecases.policies import Policies
from services.auth.usecases.reading import Reading
from services.auth.usecases.realm_events import RealmEvents
from services.auth.usecases.roles import Roles
from services.auth.usecases.signing import Signer
from services.auth.usecases.syncing import DUE, SCHEDULES, Syncing

POLICY = Policy(roles.VERSION, roles.ROLES, roles.SCOPES)
_KEY_CHECK = 600.0
DIRECTORY_PORTS = "389,636,3268,3269"


class Settings(chassis_settings.Settings):
    """What this service is told beside what every process is."""

    outbound_networks: str = Field(
        "", description="networks that are not public and may be sent to all the same, separated by commas: `10.0.0.0/8`"
    )
    outbound_denied: str = Field("", description="networks that are never sent to: those of the cluster and its nodes")
    directory_ports: str = Field(DIRECTORY_PORTS, description="ports that the address of a directory may name")
    directory_plain: bool = Field(False, description="whether directories may be read without TLS")

    signing_secret: SecretStr = Field(
        SecretStr(""), description="protects the keys that sign short tokens; derived from the client secret when empty"
    )
    directory_seconds: float = Field(30, gt=0, description="how often people and teams are read from the realm")
    realm_events_seconds: float = Field(
        30, ge=0, description="how often sign-ins and changes by administrators are read from the realm, to be told; 0: never"
    )


def build(settings: Settings) -> Service:
    """The service with all its parts."""
    # What is asked for at its own start is made a line later: the policy lies in the database of this very process.
    assembly = Assembly(
        "auth", settings, kinds=kept.KINDS, indexes=kept.INDEXES, fetch_policy=lambda: policies.current(), keeping=kept.PEOPLE
    )
    policies = Policies(assembly.backend, POLICY)
    service, store = assembly.service, assembly.store
    real_clock = SystemClock()  # credentials end by the real time, whatever the test clock says
    sealing = settings.signing_secret.get_secret_value() or settings.client_secret.get_secret_value()
    signer = Signer(assembly.backend, own_issuer(settings.installation), sealing)
    assembly.verifier.own = Issuer(name=signer.issuer, keys=Keys("", assembly.http, load=signer.jwks))
    people = People(store, policies, real_clock)
    own_roles = Roles(store, policies, people.administrators, real_clock, assembly.guard.refresh)
    credentials = Credentials(store, people, signer, assembly.guard.policy, real_clock)
    reading = Reading(store, kept.listings(settings.page_token_key.get_secret_value().encode(), store.clock))
    logouts = LogoutTokens(assembly.verifier.keycloak, frozenset({CONSOLE}))

    assembly.serve("itsm.auth.v1.PolicyService", pb.add_PolicyServiceServicer_to_server, PolicyApi(policies.current))
    assembly.serve("itsm.auth.v1.TokenService", pb.add_TokenServiceServicer_to_server, TokenApi(credentials, reading, store))
    assembly.serve(
        "itsm.auth.v1.ExchangeService",
        pb.add_ExchangeServiceServicer_to_server,
        ExchangeApi(credentials, assembly.verifier, logouts, reading),
    )
    assembly.serve("itsm.auth.v1.DelegationService", pb.add_DelegationServiceServicer_to_server, DelegationApi(credentials))
    assembly.serve("itsm.auth.v1.UserService", pb.add_UserServiceServicer_to_server, UserApi(people, reading, own_roles))
    assembly.serve("itsm.auth.v1.RoleService", pb.add_RoleServiceServicer_to_server, RoleApi(own_roles))
    assembly.serve("itsm.auth.v1.AuditService", pb.add_AuditServiceServicer_to_server, AuditApi(reading))

    async def jwks() -> Answer:
        return Answer(orjson.dumps(await signer.jwks()))

    async def keep_keys() -> None:
        while True:
            await signer.prepare()
            await asyncio.sleep(_KEY_CHECK)

    service.route("/jwks.json", jwks)
    service.on_start(signer.prepare)
    service.background("signing keys", keep_keys)
    mirror = _follow_the_realm(assembly, settings, real_clock)
    _read_directories(assembly, settings, people, mirror, Sealing(sealing.encode(), "directories"))
    assembly.react(reactions(AuditLog(store, real_clock)))
    return service


def _account(settings: Settings) -> KeycloakAdmin:
    realm = settings.oidc_internal_url or settings.oidc_issuer
    return connect(realm, settings.client_id, settings.client_secret.get_secret_value(), settings.ca_file)


def _read_directories(assembly: Assembly, settings: Settings, people: People, mirror: Mirror, sealing: Sealing) -> None:
    store, service = assembly.store, assembly.service
    policy = Reachable.of(networks=settings.outbound_networks, denied=settings.outbound_denied, ports=settings.directory_ports)
    ldap = LdapReader(policy, partial(trusting, settings.ca_file), plain=settings.directory_plain)
    realm, accounts = KeycloakDirectory(_account(settings)), KeycloakPeople(_account(settings))
    syncing = Syncing(store, ldap, sealing, realm, accounts, people, mirror.pull)
    listings = kept.listings(settings.page_token_key.get_secret_value().encode(), store.clock)
    directories = DirectoryApi(Directories(store, ldap, sealing, syncing, people, listings))
    assembly.serve("itsm.auth.v1.DirectoryService", pb.add_DirectoryServiceServicer_to_server, directories)
    DueWorker(store, service.name, SCHEDULES, DUE, syncing.handle, service.metrics).attach(service)


def _follow_the_realm(assembly: Assembly, settings: Settings, clock: SystemClock) -> Mirror:
    directory = KeycloakDirectory(_account(settings))
    mirror = Mirror(directory, assembly.store, clock)
    lease = Lease(assembly.backend, "auth-directory", uuid7())

    async def lead() -> None:
        await lease.lead(lambda: mirror.run(settings.directory_seconds))

    assembly.service.background("directory", lead)
    if not settings.realm_events_seconds:
        return mirror
    told = RealmEvents(KeycloakLog(_account(settings)), assembly.store, clock)
    turn = Lease(assembly.backend, "auth-realm-events", uuid7())

    async def tell() -> None:
        await turn.lead(lambda: told.run(settings.realm_events_seconds))

    assembly.service.background("realm events", tell)
    return mirror
