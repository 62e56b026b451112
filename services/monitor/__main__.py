"""Runs the monitor service."""

from chassis.service import launch
from services.monitor.app import Settings, build

if __name__ == "__main__":
    launch("monitor", Settings.load(), build)
