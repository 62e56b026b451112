"""Runs the gateway, or with `migrate` makes its indexes and migrates its data."""

import sys

from chassis.service import launch
from services.gateway.app import Settings, build

if __name__ == "__main__":
    launch("gateway", Settings.load(), build, sys.argv[1:])
