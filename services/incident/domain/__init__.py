"""The rules of incidents, pure: no I/O, time is always an argument."""
