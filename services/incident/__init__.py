"""Incidents from first report to closure, their notes, service-level clocks, policies and calendars.

It never asks another service for anything while it answers: assets, alerts and people are kept as ids.
"""
