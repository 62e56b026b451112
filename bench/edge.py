"""What the gateway adds: the same operation through REST and straight by gRPC, from the cells that were measured anyway."""

from collections.abc import Iterable
from typing import Any

OPERATIONS = ("get", "list", "create")
CONCURRENCY = 8
_SIDES = ("rest", "grpc")


def overhead(rows: Iterable[dict[str, Any]], driver: str) -> list[dict[str, Any]]:
    """A row an operation: requests a second both ways, CPU ms a request of the gateway itself and of every process.

    `cpu_ms` is what a request costs more through the gateway, all processes together.
    """
    cells = {(row["operation"], row["transport"]): row for row in rows if _counts(row, driver)}
    found = []
    for operation in OPERATIONS:
        sides = {side: cells.get((operation, side)) for side in _SIDES}
        rest, grpc = sides["rest"], sides["grpc"]
        if rest is None or grpc is None:
            continue
        found.append(
            {
                "operation": f"gateway overhead, {operation}",
                "concurrency": CONCURRENCY,
                "driver": driver,
                "count": rest["count"],
                "throughput": rest["throughput"],
                "throughput_grpc": grpc["throughput"],
                "gateway_cpu_ms": rest["cpu"]["gateway"],
                "cpu_all_ms": {side: row["cpu_all_ms"] for side, row in (("rest", rest), ("grpc", grpc))},
                "cpu_ms": round(rest["cpu_all_ms"] - grpc["cpu_all_ms"], 3),
                "p50_ms": {side: row.get("p50") for side, row in (("rest", rest), ("grpc", grpc))},
                "foreign_share": max(rest["foreign_share"], grpc["foreign_share"]),
            }
        )
    return found


def _counts(row: dict[str, Any], driver: str) -> bool:
    return row["operation"] in OPERATIONS and row.get("concurrency") == CONCURRENCY and row["driver"] == driver


def lines(rows: Iterable[dict[str, Any]]) -> Iterable[str]:
    """For people."""
    for row in rows:
        if "gateway_cpu_ms" in row:
            everything = row["cpu_all_ms"]
            yield (
                f"{row['operation']}: {row['throughput']:.0f}/s, by gRPC {row['throughput_grpc']:.0f}/s; CPU ms a request: "
                f"gateway {row['gateway_cpu_ms']:.2f}, all {everything['rest']:.2f}, by gRPC {everything['grpc']:.2f}"
            )
