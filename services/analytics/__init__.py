"""Figures about the work of the service desk, computed from the events of other services.

It decides nothing and owns no record: everything it shows can be computed anew from its own log of facts.
"""
