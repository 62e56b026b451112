"""`docs/scale.md`: words from a template, tables from `bench.scale` and from the collections that the code names."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.costs import COSTS, IDLE_MS, KEPT, MARGIN, PROCESSES
from bench.load_model import ESTATES, Estate
from bench.scale import SERVICES as SERVED
from bench.scale import Sizing, fares, proof, size, storm
from chassis.store.sharding import INSTALLATION, SHARD_KEY, across, statements
from docs.generate.markdown import BANNER, table
from tests.support.collections import SERVICES, WHOLE, collections, indexes

_TEMPLATE = Path(__file__).with_name("scale.template.md")
_HEAD = tuple(f"{estate.assets:,} assets" for estate in ESTATES)


def page() -> str:
    """The whole page."""
    sizings = [size(estate) for estate in ESTATES]
    parts: Mapping[str, Sequence[str]] = {
        "costs": _costs(),
        "idle": [f"{sum(IDLE_MS.values()) / 1000:.2f}"],
        "capacity": _capacity(),
        "proof": _proof(),
        "loads": _loads(),
        "sizes": list(_sizes(sizings)),
        "fares": _fares(sizings),
        "growth": _growth(),
        "collections": _collections(),
        "commands": list(_commands()),
        "installation": table(("collection", "what is in it"), [(f"`{name}`", why) for name, why in INSTALLATION.items()]),
        "whole": table(("collection", "what is read"), [(f"`{name}`", why) for name, why in WHOLE.items()]),
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    for name, lines in parts.items():
        text = text.replace(f"{{{{{name}}}}}", "\n".join(lines))
    return f"{BANNER}\n\n{text}"


def _costs() -> list[str]:
    rows = [
        (name, *(f"{cost.cpu[each]:g}" if each in cost.cpu else "" for each in PROCESSES), cost.date, cost.source)
        for name, cost in COSTS.items()
    ]
    return table(("operation, CPU ms", *PROCESSES, "date", "measured by"), rows)


def _capacity() -> list[str]:
    """What one core of each process does in a second if it did nothing else."""
    names = ("read", "list", "create", "update", "alert, in batches", "signal of a storm", "sample", "event on a stream")
    rows = [(each, *(_a_second(COSTS[name].cpu.get(each, 0.0)) for name in names)) for each in PROCESSES]
    return table(("a core of", *names), rows)


def _a_second(milliseconds: float) -> str:
    """Rounded to two digits; a process that is hardly touched has none."""
    return _two(1000 / milliseconds) if milliseconds >= 0.01 else ""


def _two(value: float) -> str:
    if value <= 0:
        return "0"
    if value < 0.01:
        return "under 0.01"
    if value < 1:
        return f"{value:.2g}"
    digits = max(len(str(int(value))) - 2, 0)
    return f"{round(value / 10**digits) * 10**digits:,}" if value >= 10 else f"{value:.1f}"


def _proof() -> list[str]:
    found = proof()
    rows = [
        (
            f"{each['row']}: a second",
            _two(each["measured"]),
            _two(each["model"]),
            f"{each['model'] / each['measured'] - 1:+.0%}",
        )
        for each in found["throughput"].values()
    ]
    visible = found["visible_at_100"]
    for name, measured, model in zip(("p50", "p95"), visible["measured"], visible["model"], strict=True):
        rows.append(
            (f"alert to visible incident at 100/s, {name}: ms", f"{measured:g}", f"{model:.0f}", f"{model / measured - 1:+.0%}")
        )
    return table(("row of the bench", "measured", "model", "difference"), rows)


def _loads() -> list[str]:
    rows: list[Sequence[str]] = [
        ("tenants", *(f"{estate.tenants:,}" for estate in ESTATES)),
        ("people at work · live streams", *(f"{_two(each.people)} · {_two(each.streams)}" for each in ESTATES)),
        ("new alerts · new incidents a day", *(f"{_two(each.alerts)} · {_two(each.incidents)}" for each in ESTATES)),
    ]
    rows += [(f"{name}, a second", *(_two(each.rates[name]) for each in ESTATES)) for name in COSTS if name in ESTATES[0].rates]
    return table(("in the busiest hour", *_HEAD), rows)


def _sizes(sizings: Sequence[Sizing]) -> Iterator[str]:
    rows: list[Sequence[str]] = [
        (f"{each}: busy cores → replicas", *(f"{_two(s.cores[each])} → {s.replicas[each]}" for s in sizings)) for each in SERVED
    ]
    rows.append(("Mongo: busy cores → shards of 8", *(f"{_two(s.cores['mongo'])} → {s.shards}" for s in sizings)))
    rows.append(("Kafka: busy cores → brokers of 4", *(f"{_two(s.cores['kafka'])} → {s.brokers}" for s in sizings)))
    rows.append(("partitions of a topic", *(str(s.partitions) for s in sizings)))
    rows.append(("the one process that moves samples: cores, one is the most", *(_two(s.moving) for s in sizings)))
    rows += [
        (f"disk of `itsm_{each}` after a year, one copy", *(_bytes(s.bytes_a_year[each]) for s in sizings))
        for each in SERVED
        if sizings[-1].bytes_a_year[each]
    ]
    yield from table(("", *_HEAD), rows)


def _bytes(value: float) -> str:
    for unit, size_of in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if value >= size_of:
            return f"{_two(value / size_of)} {unit}"
    return f"{_two(value / 1e3)} kB"


def _fares(sizings: Sequence[Sizing]) -> list[str]:
    outcomes: list[tuple[Estate, dict[str, Any], dict[str, float]]] = [
        (estate, fares(estate, sizing), storm(estate, sizing)) for estate, sizing in zip(ESTATES, sizings, strict=True)
    ]
    rows: list[Sequence[str]] = [
        (f"{each}: utilization", *(f"{fare['utilization'][each]:.0%}" for _, fare, _ in outcomes)) for each in PROCESSES
    ]
    rows += [
        (f"{name}: p95, ms", *(f"{fare['p95_ms'].get(name, 0):.0f}" for _, fare, _ in outcomes))
        for name in ("read", "list", "create", "update")
    ]
    rows.append(("alert to visible incident: p95, ms", *(f"{fare['visible_p95_ms']:.0f}" for _, fare, _ in outcomes)))
    rows.append(("storm: alerts within a minute", *(f"{each['alerts']:,.0f}" for _, _, each in outcomes)))
    rows.append(("storm: alerts to incidents, a second", *(_two(each["alerts_per_second"]) for _, _, each in outcomes)))
    rows.append(("storm: still waiting after the minute", *(f"{each['waiting']:,.0f}" for _, _, each in outcomes)))
    return table(("simulated", *_HEAD), rows)


def _growth() -> list[str]:
    rows = [
        (
            f"`itsm_{kept.service}.{kept.collection}`",
            f"{kept.documents:g} {'a' if kept.per[0] not in 'aeiou' else 'an'} {kept.per}",
            f"{kept.data * MARGIN + kept.indexes:g}",
            f"{kept.days} days" if kept.days else "for good",
        )
        for kept in KEPT
    ]
    return table(("collection", "documents", "bytes each, with indexes", "kept"), rows)


def _commands() -> Iterator[str]:
    """One line a database, for a shell."""
    key = ", ".join(f"{name}: {json.dumps(kind)}" for name, kind in SHARD_KEY)
    for service in SERVICES:
        first, *each = statements(f"itsm_{service}", sorted(collections(service)))
        names = json.dumps([str(one["shardCollection"]).partition(".")[2] for one in each])
        yield f'sh.enableSharding("{first["enableSharding"]}")'
        yield f'{names}.forEach(name => sh.shardCollection("itsm_{service}." + name, {{{key}}}))'


def _collections() -> list[str]:
    """Every collection of every service; those of the chassis once."""
    of = {service: set(collections(service) - INSTALLATION.keys()) for service in SERVICES}
    common = set.intersection(*of.values())
    scans: dict[str, set[str]] = {}
    for service in SERVICES:
        for name, fields in across(indexes(service)).items():
            scans.setdefault(f"{'*' if name in common else service}.{name}", set()).update(fields)
    rows = [("every service", f"`{name}`", _fields(scans.get(f"*.{name}"))) for name in sorted(common)]
    rows += [
        (f"`itsm_{service}`", f"`{name}`", _fields(scans.get(f"{service}.{name}")))
        for service in SERVICES
        for name in sorted(of[service] - common)
    ]
    return table(("database", "collection", "looked for over all tenants, by an index"), rows)


def _fields(names: set[str] | None) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names or ()))
