"""The live stream: what happens is read once, kept for minutes, and told to whoever listens and may see it."""
