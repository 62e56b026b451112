"""Runs the incident service, or with `migrate` makes its indexes and migrates its data."""

import sys

from chassis.service import launch
from services.incident.app import Settings, build

if __name__ == "__main__":
    launch("incident", Settings.load(), build, sys.argv[1:])
