"""What every service is bolted on: lifecycle, RPC edge, codec, store, events, auth, telemetry. It knows nothing about ITSM.

A module may enter when three services need it, it holds no word of the trade, and it replaces more lines than it adds.
"""
