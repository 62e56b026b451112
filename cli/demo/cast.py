"""The people of the tenant for demonstration: who works where, and what they may do. All of them are made up."""

from collections.abc import Mapping
from dataclasses import dataclass, field

TENANT = "demo"

TEAMS: Mapping[str, tuple[str, ...]] = {
    "Service Desk": ("triage", "windows", "mail", "accounts"),
    "Workplace": ("windows", "macos", "printing", "mobile"),
    "Network": ("routing", "wifi", "vpn", "firewalls"),
    "Servers": ("linux", "virtualization", "storage", "backup"),
    "Databases": ("postgresql", "oracle", "replication"),
    "Applications": ("erp", "crm", "integration", "reporting"),
    "Security": ("identity", "certificates", "endpoint protection"),
    "Field Service": ("hardware", "cabling", "meeting rooms"),
}
"""Teams, and what their people know."""

_STAFF = """
mara lindqvist   | Service Desk  | agent                     |
jonas weber      | Service Desk  | agent                     |
amira haddad     | Service Desk  | agent                     |
tomas novak      | Service Desk  | agent                     |
priya nair       | Service Desk  | agent                     |
lucas moreau     | Workplace     | agent                     |
hanna koskinen   | Workplace     | agent                     |
diego santos     | Network       | agent                     |
elif demir       | Network       | agent                     |
oskar nilsen     | Servers       | agent monitor-manager     |
chiara romano    | Servers       | agent                     |
pavel ivanov     | Databases     | agent                     |
sofia almeida    | Databases     | agent                     |
noor bakker      | Applications  | agent                     |
samuel okafor    | Applications  | agent                     |
grace mensah     | Security      | agent auditor             |
viktor petrov    | Security      | agent                     |
lena fischer     | Field Service | agent                     |
marek zielinski  | Field Service | agent                     |
ingrid solberg   | Service Desk  | agent incident-manager    | incidents
rafael costa     | Applications  | agent change-manager      | changes
yuki tanaka      | Workplace     | agent asset-manager       | assets
david brandt     | Servers       | viewer analyst            | figures
helena vogel     |               | admin                     | everything
"""
_EMPLOYEES = """
anna schmidt, ben carter, carla mendes, daniel kim, emma dubois, farid rahimi, greta lang, hugo martin,
isabel torres, jakub mazur, katja horn, liam walsh, maya patel, nils berg, olivia rossi, peter huber,
quentin leroy, rosa jimenez, stefan wolf, tara singh, ulrich maier, vera popova, william scott, xenia pappas,
yusuf kaya, zoe laurent, aaron klein, bianca ferri, cem aydin, dora nemeth, erik dahl, fiona byrne,
georg adler, heidi frank, ivan horvat, julia sommer, kofi asante, linda gruber, mateo silva, nadia karim
"""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody: `name` is what he signs in with; `shown` says for what a visitor would sign in as him, empty for most."""

    name: str
    first: str
    last: str
    team: str = ""
    roles: tuple[str, ...] = ("requester",)
    shown: str = ""
    skills: tuple[str, ...] = field(default=())

    @property
    def groups(self) -> list[str]:
        """His groups in the realm: his team, and his roles in this tenant alone."""
        teams = [f"/{TENANT}/{self.team}"] if self.team else []
        return [*teams, *(f"/{TENANT}/roles/{role}" for role in self.roles)]


def _staff() -> list[Member]:
    found = []
    for place, line in enumerate(_STAFF.strip().splitlines()):
        name, team, roles, shown = (part.strip() for part in line.split("|"))
        first, last = name.split()
        known = TEAMS.get(team, ())
        skills = tuple(known[(place + step) % len(known)] for step in range(min(2, len(known))))
        found.append(Member(f"{first}.{last}", first.title(), last.title(), team, tuple(roles.split()), shown, skills))
    return found


def _employees() -> list[Member]:
    names = [name.split() for name in _EMPLOYEES.replace("\n", " ").split(",")]
    return [Member(f"{first}.{last}", first.title(), last.title()) for first, last in names]


STAFF = tuple(_staff())
EMPLOYEES = tuple(_employees())
SHOWN = (
    ("mara.lindqvist", "an agent of the service desk"),
    ("oskar.nilsen", "an engineer of the servers, who watches them"),
    *((member.name, member.shown) for member in STAFF if member.shown),
    ("anna.schmidt", "an employee who needs help"),
)
"""As whom a visitor may look around, and what he is there."""
ADMIN = "helena.vogel"


def everybody() -> tuple[Member, ...]:
    """All of them, those who work at the desk first."""
    return (*STAFF, *EMPLOYEES)


def of_team(team: str) -> list[Member]:
    """Who works in a team and takes its tickets."""
    return [member for member in STAFF if member.team == team and "agent" in member.roles]
