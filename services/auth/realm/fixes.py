"""What to do by hand about each difference of a realm, for installations that give no program the right to change it.

A difference that no rule knows is put right by `provision`, which every difference is.
"""

import re

_RULES: tuple[tuple[str, str], ...] = (
    (r"realm (.+): missing", "create the realm {0}, then compare again for what it must hold"),
    (r"realm .+: browserFlow is .+, should be '(.+)'", "Authentication → Flows → {0} → Bind flow → Browser flow"),
    (r"realm .+: attributes: (.+) is .+, should be '(.+)'", "set the realm's attribute {0} to {1}"),
    (r"realm .+: (\S+) is .+, should be (.+)", "Realm settings: {0} has to be {1}"),
    (r"flow itsm browser: missing", "Authentication → Flows → duplicate `browser` under the name `itsm browser`"),
    (r"flow (.+ level \d): missing", "inside the forms of `itsm browser`, add a conditional sub-flow of the name `{0}`"),
    (r"flow (.+): lacks (.+)", "add the step {1} to `{0}`"),
    (r"flow (.+): requirement is .+, should be '(.+)'", "set the requirement of `{0}` to {1}"),
    (r"flow (.+): level and age are .+, should be (.+)", "give the level condition of `{0}` the settings {1}"),
    (r"scope (.+): lets the roles (.+) not through", "Client scopes → {0} → Scope: assign the roles {1} of itsm-api"),
    (r"scope (.+): missing", "Client scopes → create {0} (OpenID Connect)"),
    (r"mapper (.+): missing", "Client scopes → itsm → Mappers: add {0}"),
    (
        r"client itsm-auth: its account lacks (.+)",
        "Clients → itsm-auth → Service account roles: assign {0} of realm-management",
    ),
    (r"client itsm-auth: its scope lacks (.+)", "Clients → itsm-auth → its own dedicated scope → Scope: assign {0}"),
    (r"client (.+): (default|optional)ClientScopes lacks (.+)", "Clients → {0} → Client scopes: add {2} as {1}"),
    (r"client (.+): missing", "Clients → create {0}, then compare again for its settings"),
    (r"client (.+): secret differs", "Clients → {0} → Credentials: have both sides hold the same secret"),
    (r"(client|mapper|scope) (.+): (\S+) is .+, should be (.+)", "the {0} {1}: {2} has to be {3}"),
    (r"role (.+): missing", "Clients → itsm-api → Roles: create {0}"),
    (r"organization (.+): missing", "Organizations → create one with the alias {0}"),
    (r"user (.+): missing", "Users → create {0}"),
    (r"user (.+): lacks (.+)", "Users → {0} → Role mapping: assign {1} of itsm-api"),
    (r"user (.+): not in (.+)", "Users → {0} → Groups: join {1}"),
    (r"user (.+): no member of (.+)", "Organizations → {1} → Members: add {0}"),
)


def fix(difference: str) -> str:
    """The step that removes this line of `Provisioner.differences`."""
    for pattern, text in _RULES:
        if found := re.fullmatch(pattern, difference):
            return text.format(*found.groups())
    return "python -m services.auth provision"
