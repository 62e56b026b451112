"""The rules of assets, pure: no I/O, time is always an argument."""
