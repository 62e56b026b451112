"""The processes of an installation, by name. Everything that is there once a service goes through this list; it cannot fail."""

SERVICES = ("asset", "incident", "monitor", "auth", "analytics", "gateway")
SERVICE_CLIENTS = frozenset(f"itsm-{name}" for name in SERVICES)
"""The clients of the realm that services sign in as."""
