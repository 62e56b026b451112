"""What is kept where, and what lists may ask for.

Fails at start, with `ValueError`, when an allow-list contradicts itself.
"""

from datetime import timedelta
from enum import StrEnum

from itsm.asset import v1 as pb

from chassis.domain import Clock
from chassis.listing import Field, Fields, Listing
from chassis.listing import Kind as Of
from chassis.store import Index, Kind
from chassis.texts import Wording
from services.asset.domain.agent import Agent, AgentState
from services.asset.domain.assessment import ImpactAssessment
from services.asset.domain.asset import Asset, Criticality
from services.asset.domain.classes import AssetClass
from services.asset.domain.duplicate import Duplicate, DuplicateState, Reason
from services.asset.domain.identity import IdentifierKind
from services.asset.domain.importing import Import, ImportState
from services.asset.domain.lifecycle import State
from services.asset.domain.relation import REMOVED_KEPT, Relation, RelationKind
from services.asset.usecases.agents import AGENTS
from services.asset.usecases.classes import CLASSES
from services.asset.usecases.graphs import RELATIONS
from services.asset.usecases.impact import IMPACT_ASSESSMENTS
from services.asset.usecases.imports import IMPORTS, TEXTS
from services.asset.usecases.placing import ASSETS

DUPLICATES = "duplicates"

KINDS = (
    Kind(Asset, pb.Asset, ASSETS),
    Kind(AssetClass, pb.AssetClass, CLASSES),
    Kind(Duplicate, pb.Duplicate, DUPLICATES),
    Kind(Agent, pb.Agent, AGENTS),
    Kind(Import, pb.Import, IMPORTS),
    Kind(Relation, pb.Relation, RELATIONS),
    Kind(ImpactAssessment, pb.ImpactAssessment, IMPACT_ASSESSMENTS),
)

# Each is written with every insert, and again when one of its fields changes: only what a list or a report asks for.
INDEXES = (
    Index(ASSETS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(ASSETS, [("tenant", 1), ("name", 1), ("_id", 1)]),
    Index(ASSETS, [("tenant", 1), ("class", 1), ("create_time", -1), ("_id", 1)]),
    Index(ASSETS, [("tenant", 1), ("keys", 1)]),
    *(
        Index(ASSETS, [("tenant", 1), (owner, 1), ("create_time", -1), ("_id", 1)], partial={owner: {"$gt": ""}})
        for owner in ("owner_id", "team_id")
    ),
    Index(CLASSES, [("tenant", 1)]),
    Index(DUPLICATES, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(AGENTS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(AGENTS, [("tenant", 1), ("asset_id", 1)]),
    Index(IMPORTS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(TEXTS, [("expire_time", 1)], expire_after=timedelta(0)),
    # The graph in memory is made page by page in the order of ids.
    *(Index(collection, [("tenant", 1), ("_id", 1)]) for collection in (ASSETS, RELATIONS)),
    Index(RELATIONS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
    Index(RELATIONS, [("tenant", 1), ("provider_id", 1), ("create_time", -1), ("_id", 1)]),
    Index(RELATIONS, [("tenant", 1), ("consumer_id", 1), ("create_time", -1), ("_id", 1)]),
    Index(RELATIONS, [("remove_time", 1)], expire_after=REMOVED_KEPT),
    Index(IMPACT_ASSESSMENTS, [("tenant", 1), ("incident_id", 1)]),
    Index(IMPACT_ASSESSMENTS, [("tenant", 1), ("create_time", -1), ("_id", 1)]),
)


def _enum(path: str, kind: type[StrEnum], *, many: bool = False) -> Field:
    return Field(path=path, kind=Of.ENUM, values=tuple(value.value for value in kind), many=many)


def _time(path: str, *, sortable: bool = False) -> Field:
    return Field(path=path, kind=Of.TIMESTAMP, sortable=sortable)


_NEWEST = "createTime desc"

ASSET_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT, sortable=True),
    "class": Field(path="class"),
    "state": _enum("state", State),
    "criticality": _enum("criticality", Criticality),
    "ownerId": Field(path="owner_id"),
    "teamId": Field(path="team_id"),
    "location": Field(path="location", kind=Of.TEXT),
    "agentId": Field(path="agent_id"),
    "mergedIntoId": Field(path="merged_into_id"),
    "identifiers.kind": _enum("identifiers.kind", IdentifierKind, many=True),
    "identifiers.value": Field(path="identifiers.value", many=True),
    "createTime": _time("create_time", sortable=True),
    "updateTime": _time("update_time"),
    "lastSeenTime": _time("last_seen_time"),
}
DUPLICATE_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "state": _enum("state", DuplicateState),
    "reason": _enum("reason", Reason),
    "assetIds": Field(path="asset_ids", many=True),
    "source": Field(path="source"),
    "createTime": _time("create_time", sortable=True),
}
RELATION_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "providerId": Field(path="provider_id"),
    "consumerId": Field(path="consumer_id"),
    "kind": _enum("kind", RelationKind),
    "group": Field(path="group"),
    "createTime": _time("create_time", sortable=True),
}
IMPACT_ASSESSMENT_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "incidentId": Field(path="incident_id"),
    "assetIds": Field(path="asset_ids", many=True),
    "serviceIds": Field(path="service_ids", many=True),
    "criticality": _enum("criticality", Criticality),
    "hitCount": Field(path="hit_count", kind=Of.NUMBER),
    "createTime": _time("create_time", sortable=True),
    "updateTime": _time("update_time"),
}
AGENT_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "name": Field(path="name", kind=Of.TEXT),
    "assetId": Field(path="asset_id"),
    "state": _enum("state", AgentState),
    "agentVersion": Field(path="agent_version"),
    "platform": Field(path="platform"),
    "createTime": _time("create_time", sortable=True),
    "lastReportTime": _time("last_report_time"),
}
IMPORT_FIELDS: Fields = {
    "id": Field(path="_id", sortable=True),
    "source": Field(path="source"),
    "state": _enum("state", ImportState),
    "creatorId": Field(path="creator_id"),
    "createTime": _time("create_time", sortable=True),
    "applyTime": _time("apply_time"),
}
TIMELINE_FIELDS: Fields = {"id": Field(path="_id", sortable=True), "about": Field(path="about")}


def listings(key: bytes, clock: Clock) -> dict[str, Listing]:
    """The lists, by collection; their page tokens are signed with `key` and bound to the tenant."""
    return {
        ASSETS: Listing("assets", ASSET_FIELDS, _NEWEST, key, clock),
        DUPLICATES: Listing("duplicates", DUPLICATE_FIELDS, _NEWEST, key, clock),
        AGENTS: Listing("agents", AGENT_FIELDS, _NEWEST, key, clock),
        IMPORTS: Listing("imports", IMPORT_FIELDS, _NEWEST, key, clock),
        RELATIONS: Listing(RELATIONS, RELATION_FIELDS, _NEWEST, key, clock),
        IMPACT_ASSESSMENTS: Listing("impactAssessments", IMPACT_ASSESSMENT_FIELDS, _NEWEST, key, clock),
    }


def timeline(key: bytes, clock: Clock) -> Listing:
    """The list of what happened to one record."""
    return Listing("timeline", TIMELINE_FIELDS, "id desc", key, clock)


FACTS = {"assets": ("owner_id",)}
"""By plural, the fields that decide who reads a record; row scopes may name no other one (a test holds them to it)."""


def wordings() -> list[Wording]:
    """What assets hold in words, for the search."""
    words = ("class", "identifiers", "location", "attributes")
    return [Wording(kind, title="name", words=words, facts=FACTS[kind.plural]) for kind in KINDS if kind.aggregate is Asset]
