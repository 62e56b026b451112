"""Runs the analytics service."""

from chassis.service import launch
from services.analytics.app import Settings, build

if __name__ == "__main__":
    launch("analytics", Settings.load(), build)
