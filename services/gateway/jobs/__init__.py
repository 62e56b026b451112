"""Doing jobs: what they may do is read from the descriptors, and done by the rights of whoever asked for them."""
