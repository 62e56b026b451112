"""Keeping incidents and the tickets of another system in step: what changed where, who wins, and how it gets there."""
