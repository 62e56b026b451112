"""Suggestions learned from a tenant's own tickets. Nothing is asked of anybody outside.

`features.py` says what of a text counts, `training.py` learns from sorted tickets, `model.py` is what was learned: a file that
holds numbers and names alone, so that reading one runs nothing. `tickets.py` reads sorted tickets from files.
"""
