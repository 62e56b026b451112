"""`docs/reference/rest.md`: the manners of the REST API, with the limits, slugs and lists that the code knows.

The prose is `rest.template.md` beside this module.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

from chassis import operations
from chassis.http.problems import TITLES
from chassis.listing import Fields, Listing
from chassis.listing.filter import MAX_BYTES, MAX_DEPTH, MAX_LIST, MAX_TERMS
from chassis.listing.pages import DEFAULT_SIZE, LIFETIME, MAX_SIZE
from chassis.store.transaction import REQUEST_KEPT
from docs.generate.markdown import table, text
from services.analytics.store import INCIDENT_FIELDS as KPI_FIELDS
from services.analytics.store import dashboards
from services.asset.store import listings as asset_listings
from services.auth.store import listings as auth_listings
from services.gateway.live.hub import MAX_STREAMS
from services.gateway.live.stream import MAX_TOPICS
from services.gateway.openapi import document as openapi
from services.gateway.rest.exchange import MAX_KEY, MAX_PARAMETERS
from services.gateway.rest.limits import MAX_ADDRESS, MAX_HEADER_BYTES, MAX_HEADERS
from services.gateway.rest.transcode import IMPORT_TIMEOUT, MAX_BODY, MAX_IMPORT, TIMEOUT
from services.incident.store import listings as incident_listings
from services.monitor.store import check_listings, notification_listings, quiet_listings, rule_listing, series_listing
from services.monitor.store import listings as monitor_listings

_TEMPLATE = Path(__file__).with_name("rest.template.md")

# Slug → status and when it is answered. A slug that the gateway does not know, or one missing here, fails the generator.
PROBLEMS: Mapping[str, tuple[str, str]] = {
    "validation": ("422", "a field, parameter or filter is understood and wrong; `errors` says which and what would be right"),
    "malformed": ("400", "broken JSON, percent encoding, header or page token"),
    "unauthenticated": ("401", "nothing was shown, or it is not taken any more"),
    "forbidden": ("403", "the permission is missing (`permission` names it), or a write by cookie without `X-ITSM-CSRF`"),
    "not-found": ("404", "there is no such address or record, or not for this caller"),
    "method": ("405", "`Allow` says what the address takes"),
    "not-acceptable": ("406", "`Accept` excludes JSON"),
    "conflict": ("409", "the state does not allow the verb (`state`, `verb`), something unique is taken, or two writers met"),
    "gone": ("410", "it existed and does not any more"),
    "precondition": ("412, 428", "the version in `If-Match` is not the present one (`ETag` is), or `If-Match` is missing"),
    "too-large": ("413", "the body is larger than allowed"),
    "uri-too-long": ("414", "address and query together are too long"),
    "media-type": ("415", "the body is not JSON in UTF-8"),
    "range": ("416", "a range that does not exist"),
    "idempotency-mismatch": ("422", "the key was used for another request"),
    "rate-limited": ("429", "`Retry-After` says when to come back"),
    "headers-too-large": ("431", "too many headers, or too large ones"),
    "overloaded": ("503", "too much to do at the moment, or writers met too often; `Retry-After`"),
    "dependency": ("503", "a service or the identity provider does not answer; `Retry-After`"),
    "deadline": ("504, 408", "it took too long, or the body came too slowly"),
    "internal": ("500", "a defect of ours, logged under `requestId`; nothing of it is told"),
}


def description() -> str:
    """The OpenAPI document that a gateway serves, with the realm left open."""
    return openapi.described().decode()


def page() -> str:
    """The whole page. Raises `ValueError` when the gateway knows other slugs than this page."""
    if TITLES.keys() != PROBLEMS.keys():
        raise ValueError(f"describe these slugs, or take them out: {sorted(TITLES.keys() ^ PROBLEMS.keys())}")
    slugs = [(f"`{slug}`", PROBLEMS[slug][0], title, PROBLEMS[slug][1]) for slug, title in TITLES.items()]
    lists = table(("list", "fields of a filter", "orders by", "order when none is asked for"), _fields())
    facts: dict[str, object] = {
        "body": MAX_BODY >> 20,
        "imports": MAX_IMPORT >> 20,
        "headers": MAX_HEADERS,
        "header_bytes": MAX_HEADER_BYTES >> 10,
        "address": MAX_ADDRESS,
        "parameters": MAX_PARAMETERS,
        "timeout": f"{TIMEOUT:g}",
        "import_timeout": f"{IMPORT_TIMEOUT:g}",
        "key": MAX_KEY,
        "hours": f"{REQUEST_KEPT.total_seconds() / 3600:g}",
        "most": MAX_SIZE,
        "size": DEFAULT_SIZE,
        "days": LIFETIME.days,
        "filter_bytes": MAX_BYTES,
        "filter_terms": MAX_TERMS,
        "filter_depth": MAX_DEPTH,
        "filter_values": MAX_LIST,
        "topics": MAX_TOPICS,
        "streams": MAX_STREAMS,
        "problems": "\n".join(table(("type", "status", "title", "when"), slugs)),
        "lists": "\n".join(lists),
    }
    return text(Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(facts))


def _listings() -> Iterator[Listing]:
    key, clock = bytes(16), lambda: datetime.now(UTC)
    yield from incident_listings(key, clock).values()
    yield from asset_listings(key, clock).values()
    monitor = monitor_listings(key, clock)
    yield from (monitor.alerts, monitor.integrations, rule_listing(key, clock), series_listing(key, clock))
    yield from (*check_listings(key, clock), *quiet_listings(key, clock), *notification_listings(key, clock))
    yield from auth_listings(key, clock).values()
    yield dashboards(key, clock)
    yield operations.listing(key, clock)


# These take pages only: their RPCs have no filter and no order.
_PAGES_ONLY = {"notes", "timeline", "checkResults"}


def _fields() -> Iterator[tuple[str, str, str, str]]:
    for listing in _listings():
        if listing.resource not in _PAGES_ONLY:
            yield f"`{listing.resource}`", _names(listing.fields), _sortable(listing.fields), _usual(listing)
    yield "`kpis/{name}`", _names(KPI_FIELDS), "nothing", "by group"


def _names(fields: Fields) -> str:
    return ", ".join(f"`{name}`{_kind(field)}" for name, field in fields.items())


def _sortable(fields: Fields) -> str:
    return ", ".join(f"`{name}`" for name, field in fields.items() if field.sortable)


def _usual(listing: Listing) -> str:
    names = {"_id": "id", **{field.path: name for name, field in listing.fields.items()}}
    steps = [f"{names[path]}{'' if direction == 1 else ' desc'}" for path, direction in listing.page("-").sort]
    return f"`{', '.join(steps)}`"


def _kind(field: Any) -> str:
    return "" if field.kind.value == "keyword" else f" ({field.kind.value})"
