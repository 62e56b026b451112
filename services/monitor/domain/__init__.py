"""The rules of monitoring, pure: no I/O, time is always an argument."""
