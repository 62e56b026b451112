"""What the gateway itself keeps: webhooks and what is handed to people and programs outside. Pure."""
