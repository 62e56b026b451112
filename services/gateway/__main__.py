"""Runs the gateway."""

from chassis.service import launch
from services.gateway.app import Settings, build

if __name__ == "__main__":
    launch("gateway", Settings.load(), build)
