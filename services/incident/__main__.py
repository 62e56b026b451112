"""Runs the incident service."""

from chassis.service import launch
from services.incident.app import Settings, build

if __name__ == "__main__":
    launch("incident", Settings.load(), build)
