"""Runs the auth service, its `migrate`, or one of the realm's commands: `provision [--dry-run] [--wait S]`, `verify-realm`,
`withdraw`.
"""

import argparse
import asyncio
import sys

from chassis.service import launch
from services.auth.app import Settings, build
from services.auth.realm.command import provision, withdrawn


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m services.auth", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    apply = commands.add_parser("provision", help="bring the realm to what this version needs; deletes nothing")
    apply.add_argument("--dry-run", action="store_true", help="only tell what would change")
    apply.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="how long the realm is waited for")
    commands.add_parser("verify-realm", help="compare a live realm with what this version needs")
    commands.add_parser("withdraw", help="take the people of a tenant for demonstration out of the realm")
    options = parser.parse_args()
    if options.command == "provision":
        return asyncio.run(provision(dry_run=options.dry_run, wait=options.wait))
    return asyncio.run(withdrawn() if options.command == "withdraw" else provision(dry_run=True, advise=True))


if __name__ == "__main__":
    if sys.argv[1:] in ([], ["migrate"]):
        launch("auth", Settings.load(), build, sys.argv[1:])
    else:
        sys.exit(main())
