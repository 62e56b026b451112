"""`docs/reference/permissions.md`: roles, permissions, row scopes, and what each RPC asks for."""

from collections.abc import Iterator, Mapping
from typing import Any

from chassis.policy import ANONYMOUS, SIGNED_IN
from docs.generate.markdown import table, text
from services.auth.domain.roles import MAY_GRANT, ROLES, SCOPES, VERSION
from services.gateway.openapi.comments import comments, summary
from services.gateway.rest.routes import declared, descriptors

_INTRODUCTION = """
# Roles and permissions

A permission is `<resources>.<verb>`. The proto of an RPC says which one it asks for; the table of roles (version {version},
`services/auth/domain/roles.py`) says who has it. The auth service tells all services that table, and each enforces it itself.
What tenants add by roles of their own comes with it. There are no wildcards, and no role has a permission that nothing asks
for: tests see to both.

What a caller may not see answers 404, as if it did not exist; what a caller may see and not do answers 403 with the permission.

## What each role may
"""

_SERVICE_ACCOUNTS = """
## Service accounts

Work that no person asked for runs as the service itself:
"""

_SCOPES = """
## Rows

A role reaches every row of its tenant, except these, which are bound to rows where the field is the caller's own id. Only roles
that grant a permission count for it: a role that may read everything does not widen what another may change.
"""

_GRANTS = """
## Who gives roles

Nobody changes one's own roles, and the last administrator of a tenant stays. Whoever holds `roles.grant` by a role of the
tenant's own gives and takes beside these what permits nothing that he does not hold himself.
"""

_RPCS = """
## What each address asks for

`signed-in` is any verified caller, `anonymous` nobody in particular.
"""


def page() -> str:
    """The whole page."""
    people = [role for role in ROLES if ":" not in role]
    permissions = sorted({name for role in people for name in ROLES[role]})
    matrix = [(f"`{name}`", *("✓" if name in ROLES[role] else "" for role in people)) for name in permissions]
    accounts = [
        (f"`{role}`", ", ".join(f"`{name}`" for name in sorted(ROLES[role])) or "nothing") for role in ROLES if ":" in role
    ]
    granting = [(f"`{role}`", ", ".join(f"`{given}`" for given in sorted(may))) for role, may in MAY_GRANT.items()]
    return text(
        _INTRODUCTION.format(version=VERSION),
        table(("permission", *people), matrix),
        _SCOPES,
        table(("role", "resource", "rows"), _rows(SCOPES)),
        _GRANTS,
        table(("role", "may give and take"), granting),
        _SERVICE_ACCOUNTS,
        table(("account", "may"), accounts),
        _RPCS,
        table(("address", "asks for", "does"), _addresses()),
    )


def _rows(scopes: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[tuple[str, str, str]]:
    for role, resources in scopes.items():
        for resource, bound in resources.items():
            yield f"`{role}`", f"`{resource}`", ", ".join(f"`{field}` is the caller" for field in bound)


def _addresses() -> Iterator[tuple[str, str, str]]:
    texts = comments(descriptors())
    order = {ANONYMOUS: 0, SIGNED_IN: 1}
    for route in sorted(declared().all, key=lambda each: (each.template, order.get(each.rpc.requires, 2), each.verb)):
        told = summary(texts.get(route.rpc.descriptor.full_name, ""))
        yield f"`{route.verb} {route.template}`", f"`{route.rpc.requires}`", told
