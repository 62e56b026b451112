"""What the gateway adds is told from both ways in, and only where both were measured."""

from typing import Any

from bench import edge


def cell(operation: str, transport: str, **more: Any) -> dict[str, Any]:
    cost = 3.0 if transport == "rest" else 2.0
    cpu = {"gateway": 0.75 if transport == "rest" else 0.0, "incident": 1.0}
    given = {"concurrency": 8, "driver": "motor", "count": 10, "throughput": 100.0 * cost, "cpu": cpu, "p50": cost}
    return {"operation": operation, "transport": transport, "cpu_all_ms": cost, "foreign_share": 0.01, **given, **more}


def test_an_operation_through_the_gateway_is_held_against_the_same_by_grpc() -> None:
    rows = [cell("get", "rest"), cell("get", "grpc"), cell("get", "grpc", concurrency=1), cell("list", "rest")]
    (row,) = edge.overhead([*rows, cell("get", "rest", driver="pymongo")], "motor")
    assert (row["operation"], row["cpu_ms"], row["gateway_cpu_ms"]) == ("gateway overhead, get", 1.0, 0.75)
    assert (row["throughput"], row["throughput_grpc"]) == (300.0, 200.0)
    (line,) = edge.lines([row, cell("get", "rest")])
    assert line == "gateway overhead, get: 300/s, by gRPC 200/s; CPU ms a request: gateway 0.75, all 3.00, by gRPC 2.00"
