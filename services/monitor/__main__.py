"""Runs the monitor service."""

from chassis.service import launch
from chassis.settings import Settings
from services.monitor.app import build

if __name__ == "__main__":
    launch("monitor", Settings.load(), build)
