"""Checks that only a program on the machine itself can run: processes, disks, memory, processors."""
