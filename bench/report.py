"""The figures as a table for people."""

from typing import Any, TextIO

from bench import edge


def write(report: dict[str, Any], to: TextIO) -> None:
    """One line a row, the targets beside it."""
    print(
        f"\n{'':24}{'way in':7}{'x':>3} {'driver':8}{'CPU ms':>8}{'/s':>8}{'p50':>8}{'p95':>8}{'p99':>8} others  targets",
        file=to,
    )
    for row in report["rows"]:
        figures = [row.get(name) for name in ("cpu_ms", "throughput", "p50", "p95", "p99")]
        shown = "".join(f"{value:8.2f}" if value is not None else f"{'-':>8}" for value in figures)
        place = f"{row['operation'][:23]:24}{row.get('transport', ''):7}{row.get('concurrency', ''):>3} {row['driver']:8}"
        errors = f"  {row['errors']} errors: {row.get('first_error', '')[:60]}" if row.get("errors") else ""
        others = f"{row['foreign_share']:6.0%}" if "foreign_share" in row else f"{'-':>6}"
        print(f"{place}{shown} {others}  {_verdicts(row)}{errors}", file=to)
    for line in edge.lines(report["rows"]):
        print(line, file=to)
    ratios = ", ".join(f"{name} {value}" for name, value in report["driver_ratios"].items())
    if ratios:
        print(f"\nCPU with the other driver, as a ratio: {ratios}", file=to)


def _verdicts(row: dict[str, Any]) -> str:
    return ", ".join(
        f"{one['figure']} {one['target']} {'met' if one['met'] else 'MISSED'}"
        + (f" (floor {one['floor']:g})" if one["floor"] is not None else "")
        for one in row.get("targets", [])
    )


def driver_ratios(rows: list[dict[str, Any]], drivers: tuple[str, ...]) -> dict[str, float]:
    """CPU of the second driver over CPU of the first, by operation and way in, at concurrency 8."""
    if len(drivers) < 2:
        return {}
    costs = {(row["operation"], row["transport"], row["driver"]): row["cpu_ms"] for row in rows if row.get("concurrency") == 8}
    return {
        f"{operation} {transport}": round(cost / costs[operation, transport, drivers[0]], 2)
        for (operation, transport, driver), cost in costs.items()
        if driver == drivers[1] and costs.get((operation, transport, drivers[0]))
    }
