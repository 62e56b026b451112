"""Runs the asset service, or with `migrate` makes its indexes and migrates its data."""

import sys

from chassis.service import launch
from services.asset.app import Settings, build

if __name__ == "__main__":
    launch("asset", Settings.load(), build, sys.argv[1:])
