"""Runs the auth service, its `migrate`, or one of the realm's commands: `provision [--dry-run]`, `verify-realm`."""

import argparse
import asyncio
import sys

from chassis.service import launch
from services.auth.app import Settings, build
from services.auth.realm.command import provision


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m services.auth", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    apply = commands.add_parser("provision", help="bring the realm to what this version needs; deletes nothing")
    apply.add_argument("--dry-run", action="store_true", help="only tell what would change")
    commands.add_parser("verify-realm", help="compare a live realm with what this version needs")
    options = parser.parse_args()
    return asyncio.run(provision(dry_run=options.command == "verify-realm" or options.dry_run))


if __name__ == "__main__":
    if sys.argv[1:] in ([], ["migrate"]):
        launch("auth", Settings.load(), build, sys.argv[1:])
    else:
        sys.exit(main())
