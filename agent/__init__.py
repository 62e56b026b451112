"""The endpoint agent: tells what a machine is, how it fares, and whether what should run on it runs.

It stands alone: nothing of the platform's code is imported, so that it stays small (README.md has the limits).
"""
