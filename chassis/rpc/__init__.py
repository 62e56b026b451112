"""The gRPC edge: what surrounds each call on the server (`edge.py`) and how one service calls another (`client.py`)."""

from chassis.rpc.client import CHANNEL_OPTIONS, DEADLINE, Channels, call, connect, connected, repeated
from chassis.rpc.edge import DRY_RUN_KEY, REPLAYED_KEY, Edge, Guard
from chassis.rpc.methods import Method, methods, required_permissions

__all__ = [
    "CHANNEL_OPTIONS",
    "DEADLINE",
    "DRY_RUN_KEY",
    "REPLAYED_KEY",
    "Channels",
    "Edge",
    "Guard",
    "Method",
    "call",
    "connect",
    "connected",
    "methods",
    "repeated",
    "required_permissions",
]
