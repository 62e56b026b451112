"""An estate that makes sense: services use applications, those run on machines, which are plugged into something.

The same seed makes the same estate. A relation goes from what serves to what is served.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from cli.demo.cast import EMPLOYEES, STAFF

SITES = ("Hamburg", "Lyon", "Porto", "Brno", "Turku", "Leeds")
SERVICES = (
    ("Mail and calendar", "CRITICAL", "Applications", ("mail gateway", "mail store", "calendar")),
    ("Web shop", "CRITICAL", "Applications", ("shop front", "basket", "payment adapter")),
    ("Enterprise planning", "CRITICAL", "Applications", ("planning core", "stock ledger", "finance ledger")),
    ("Customer relations", "HIGH", "Applications", ("customer core", "campaigns")),
    ("Payroll", "HIGH", "Applications", ("payroll core", "time sheets")),
    ("Remote access", "CRITICAL", "Network", ("vpn concentrator", "access portal")),
    ("Single sign-on", "CRITICAL", "Security", ("identity provider", "directory sync")),
    ("File shares", "HIGH", "Servers", ("file service", "share index")),
    ("Backup", "HIGH", "Servers", ("backup scheduler", "backup catalog")),
    ("Printing", "MEDIUM", "Workplace", ("print queue", "follow-me print")),
    ("Telephony", "HIGH", "Network", ("call control", "voice mail")),
    ("Intranet", "MEDIUM", "Applications", ("intranet pages", "intranet search")),
    ("Document archive", "MEDIUM", "Applications", ("archive core", "archive scanner")),
    ("Data warehouse", "MEDIUM", "Databases", ("warehouse loader", "warehouse cubes")),
    ("Reporting", "MEDIUM", "Databases", ("report server",)),
    ("Source code", "HIGH", "Applications", ("code hosting", "build runners")),
    ("Monitoring", "HIGH", "Servers", ("metric store", "alert router")),
    ("Video meetings", "MEDIUM", "Workplace", ("meeting bridge", "recording store")),
    ("Warehouse scanners", "HIGH", "Field Service", ("scanner gateway",)),
    ("Supplier portal", "MEDIUM", "Applications", ("portal front", "portal exchange")),
    ("Travel booking", "LOW", "Applications", ("travel adapter",)),
    ("Recruiting", "LOW", "Applications", ("applicant tracking",)),
    ("Building access", "HIGH", "Field Service", ("badge control",)),
    ("Wireless network", "HIGH", "Network", ("wireless controller",)),
)
"""What people use: name, how much hangs on it, who runs it, and the applications that it is made of."""
WHOLE = 2_000
_KITS = ("display", "dock", "headset", "phone", "scanner")
_LAPTOPS = (("Fenwick", "F14"), ("Fenwick", "F16"), ("Corvid", "Air 13"), ("Brightline", "Pro 15"))
_ENGINES = ("postgresql", "postgresql", "mariadb", "oracle", "mongodb")


@dataclass(frozen=True, slots=True)
class Item:
    """An asset to be. `values` by what a column of an import may mean; `minimum` is how many providers of a group it needs."""

    key: str
    name: str
    class_: str
    team: str = ""
    owner: str = ""
    values: dict[str, str] = field(default_factory=dict)
    minimum: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Tie:
    """`provider` serves `consumer`, both by key."""

    provider: str
    consumer: str
    kind: str
    group: str = ""


@dataclass(slots=True)
class Estate:
    """All of it. `by` finds the keys of a kind of thing: `service`, `application`, `vm`, `printer`, …"""

    items: dict[str, Item] = field(default_factory=dict)
    ties: list[Tie] = field(default_factory=list)
    by: dict[str, list[str]] = field(default_factory=dict)
    supports: dict[str, str] = field(default_factory=dict)
    """The service that an application, a database or a machine is there for."""

    def add(self, sort: str, item: Item) -> str:
        """One more; its key."""
        self.items[item.key] = item
        self.by.setdefault(sort, []).append(item.key)
        return item.key

    def tie(self, provider: str, consumer: str, kind: str, group: str = "") -> None:
        """One serves another."""
        self.ties.append(Tie(provider, consumer, kind, group))


def estate(seed: int, scale: float = 1.0) -> Estate:
    """About 2,000 items at scale 1; a smaller one has fewer of each kind, and all kinds."""
    random, made = Random(f"estate {seed}"), Estate()  # noqa: S311 - no secret
    wanted = max(60, round(WHOLE * scale))
    services = SERVICES[: max(3, round(len(SERVICES) * min(1.0, 0.1 + scale)))]
    sites = SITES[: max(2, round(len(SITES) * min(1.0, 0.2 + scale)))]
    _network(made, sites, access=max(1, round(7 * scale)), points=max(1, round(14 * scale)))
    hosts = _hosts(random, made, max(2, round(36 * scale)), max(1, round(8 * scale)))
    for service in services:
        _service(random, made, service, hosts, several=scale >= 0.5)
    _more_machines(random, made, hosts, round(150 * scale))
    for number in range(max(2, round(60 * scale))):
        _printer(made, sites[number % len(sites)], number)
    _workplaces(random, made, sites, wanted)
    return made


def _network(made: Estate, sites: tuple[str, ...], *, access: int, points: int) -> None:
    """Two cores, a firewall pair, and what each site has below them."""
    cores = [made.add("core", _device(f"core-sw-{number}", SITES[0], "CRITICAL")) for number in (1, 2)]
    for number in (1, 2):
        made.tie(cores[number - 1], made.add("firewall", _device(f"edge-fw-{number}", SITES[0], "CRITICAL")), "CONNECTED_TO")
    for site in sites:
        short = site[:3].lower()
        router = made.add("router", _device(f"{short}-rt-1", site, "HIGH", ("uplink", 1)))
        for core in cores:
            made.tie(core, router, "CONNECTED_TO", "uplink")
        for number in range(1, access + 1):
            switch = made.add(f"switch {site}", _device(f"{short}-sw-{number:02d}", site, "MEDIUM"))
            made.by.setdefault("switch", []).append(switch)
            made.tie(router, switch, "CONNECTED_TO")
        switches = made.by[f"switch {site}"]
        for number in range(1, points + 1):
            point = made.add("access point", _device(f"{short}-ap-{number:02d}", site, "LOW"))
            made.tie(switches[number % len(switches)], point, "CONNECTED_TO")


def _device(name: str, site: str, criticality: str, minimum: tuple[str, int] | None = None) -> Item:
    values = {"location": site, "criticality": criticality, "attributes.vendor": "Northgate", "attributes.firmware": "9.4.2"}
    return Item(name, name, "network_device", "Network", "", values, minimum)


def _hosts(random: Random, made: Estate, count: int, arrays: int) -> list[str]:
    """Machines that others run on, with two uplinks each, and the storage below them."""
    for number in range(1, arrays + 1):
        values = {"location": SITES[0], "criticality": "HIGH", "attributes.vendor": "Stonebridge"}
        made.add("storage", Item(f"san-{number:02d}", f"san-{number:02d}", "storage", "Servers", "", values))
    hosts = []
    for number in range(1, count + 1):
        name = f"hv-{number:03d}"
        values = {
            "location": SITES[0],
            "criticality": "HIGH",
            "attributes.vendor": "Ironworks",
            "attributes.model": random.choice(("R720", "R740", "R760")),
            "attributes.cpuCount": str(random.choice((32, 48, 64))),
            "attributes.rack": f"{'ABCD'[number % 4]}{1 + number // 4:02d}",
            "attributes.os": "Debian GNU/Linux 12",
            "identifiers.SERIAL": f"IW{random.randrange(10**8):08d}",
        }
        hosts.append(made.add("host", Item(name, name, "server", "Servers", "", values, ("uplink", 1))))
        for core in made.by["core"]:
            made.tie(core, name, "CONNECTED_TO", "uplink")
        made.tie(random.choice(made.by["storage"]), name, "USES")
    return hosts


def _service(
    random: Random, made: Estate, told: tuple[str, str, str, tuple[str, ...]], hosts: list[str], *, several: bool
) -> None:
    name, criticality, team, parts = told
    values = {"criticality": criticality, "attributes.serviceHours": "Mo-Fr 07-19", "attributes.audience": "all employees"}
    service = made.add("service", Item(name, name, "business_service", team, "", values))
    for part in parts:
        short = part.replace(" ", "-")
        twice = several and criticality in ("CRITICAL", "HIGH")
        values = {
            "criticality": criticality,
            "attributes.vendor": "in-house",
            "attributes.version": f"{random.randint(1, 9)}.4",
        }
        application = made.add(
            "application", Item(short, part.capitalize(), "software", team, "", values, ("nodes", 1) if twice else None)
        )
        made.tie(application, service, "USES")
        made.supports[application] = service
        for number in range(1, 3 if twice else 2):
            machine = _machine(random, made, f"{short}-{number:02d}", criticality, random.choice(hosts))
            made.tie(machine, application, "RUNS_ON", "nodes" if twice else "")
            made.supports[machine] = service
        if part == parts[0] or random.random() < 0.4:
            engine = random.choice(_ENGINES)
            values = {"criticality": criticality, "attributes.engine": engine}
            base = made.add("database", Item(f"db-{short}", f"{part} database", "database", "Databases", "", values))
            made.tie(base, application, "USES")
            machine = _machine(random, made, f"db-{short}-01", criticality, random.choice(hosts))
            made.tie(machine, base, "RUNS_ON")
            made.supports |= {base: service, machine: service}


def _machine(random: Random, made: Estate, name: str, criticality: str, host: str) -> str:
    values = {
        "location": SITES[0],
        "criticality": criticality,
        "attributes.cpuCount": str(random.choice((2, 4, 8))),
        "attributes.memoryBytes": str(random.choice((4, 8, 16, 32)) << 30),
        "attributes.os": random.choice(("Debian GNU/Linux 12", "Debian GNU/Linux 11", "Windows Server 2022")),
        "identifiers.FQDN": f"{name}.demo.example",
    }
    key = made.add("vm", Item(f"vm:{name}", name, "virtual_machine", "Servers", "", values))
    made.tie(host, key, "HOSTS")
    return key


def _more_machines(random: Random, made: Estate, hosts: list[str], count: int) -> None:
    """Those that try, build and keep things, and hang on nothing."""
    for number in range(1, count + 1):
        _machine(random, made, f"{random.choice(('test', 'build', 'stage', 'tool'))}-{number:03d}", "LOW", random.choice(hosts))


def _printer(made: Estate, site: str, number: int) -> None:
    name = f"prn-{site[:3].lower()}-{number:03d}"
    values = {"location": site, "criticality": "LOW", "attributes.vendor": "Paperleaf", "attributes.model": "P450"}
    made.add("printer", Item(name, name, "network_device", "Workplace", "", values))
    switches = made.by[f"switch {site}"]
    made.tie(switches[number % len(switches)], name, "CONNECTED_TO")


def _workplaces(random: Random, made: Estate, sites: tuple[str, ...], wanted: int) -> None:
    """Laptops and what lies beside them, until there are as many items as were wanted."""
    people, number = (*EMPLOYEES, *STAFF), 0
    for number in range(1, max(1, (wanted - len(made.items)) * 2 // 5) + 1):
        owner = people[number - 1].name if number <= len(people) else ""
        vendor, model = random.choice(_LAPTOPS)
        values = {
            "location": random.choice(sites),
            "criticality": "LOW",
            "state": "IN_USE"
            if owner or random.random() < 0.9
            else random.choice(("IN_STOCK", "IN_REPAIR", "ORDERED", "RETIRED")),
            "attributes.vendor": vendor,
            "attributes.model": model,
            "attributes.os": random.choice(("Windows 11", "Windows 11", "Windows 10", "macOS 15")),
            "identifiers.SERIAL": f"{vendor[:2].upper()}{random.randrange(10**8):08d}",
            "identifiers.ASSET_TAG": f"D-{number:05d}",
        }
        made.add("laptop", Item(f"lap-{number:04d}", f"lap-{number:04d}", "computer", "Workplace", owner, values))
    for kit in _kits(random, sites):
        if len(made.items) >= wanted:
            break
        made.add("kit", kit)


def _kits(random: Random, sites: tuple[str, ...]) -> Iterator[Item]:
    number = 0
    while True:
        number += 1
        kind = _KITS[min(int(random.expovariate(0.9)), len(_KITS) - 1)]
        state = random.choices(("IN_USE", "IN_STOCK", "IN_REPAIR"), (85, 12, 3))[0]
        values = {"location": random.choice(sites), "criticality": "LOW", "state": state, "attributes.kitKind": kind}
        yield Item(f"{kind}-{number:04d}", f"{kind} {number:04d}", "kit", "Workplace", "", values)
