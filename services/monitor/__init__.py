"""What happens: checks, incoming signals, alerts, and who is on call.

It owns no tickets; an alert tells the service desk through its events.
"""
