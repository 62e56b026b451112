"""Runs the asset service."""

from chassis.service import launch
from chassis.settings import Settings
from services.asset.app import build

launch("asset", Settings.load(), build)
