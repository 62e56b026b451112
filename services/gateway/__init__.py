"""The edge: REST, the event stream, sign-in and deliveries; it serves the web console and holds no business rule.

REST is not written here: it is read from the descriptors (`transcode.py`, `openapi.py`).
"""
