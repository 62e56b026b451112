"""Runs the monitor service, or with `migrate` makes its indexes and migrates its data."""

import sys

from chassis.service import launch
from services.monitor.app import Settings, build

if __name__ == "__main__":
    launch("monitor", Settings.load(), build, sys.argv[1:])
