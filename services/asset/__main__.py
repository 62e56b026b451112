"""Runs the asset service."""

from chassis.service import launch
from chassis.settings import Settings
from services.asset.app import build

if __name__ == "__main__":
    launch("asset", Settings.load(), build)
