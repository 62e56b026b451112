"""Runs the asset service."""

from chassis.service import launch
from services.asset.app import Settings, build

if __name__ == "__main__":
    launch("asset", Settings.load(), build)
