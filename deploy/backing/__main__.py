"""Starts mongod, Kafka or Keycloak in its container, or runs one of the Jobs that prepare them.

The starts replace this process by the program; the Jobs wait for what they need, change nothing that is there already, and
end with 0, or with 1 and a sentence about what failed.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from pymongo.errors import PyMongoError

from deploy.backing import kafka, keycloak, mongod, passwords
from stack.errors import StackError


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.backing", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    start = commands.add_parser("mongod", help="start mongod as a replica set of one")
    start.add_argument("--host", required=True, help="host:port by which its clients and itself know it")
    start.add_argument("--cache", default="0.25", help="cache of the storage engine in GB")
    users = commands.add_parser("mongo-users", help="create the services' users")
    users.add_argument("--host", required=True)
    start_kafka = commands.add_parser("kafka", help="start Kafka, one broker that is its own controller")
    start_kafka.add_argument("--host", required=True, help="host by which its clients know it")
    start_kafka.add_argument("--heap", default="320m")
    rights = commands.add_parser("kafka-rights", help="give the services' users their rights")
    rights.add_argument("--bootstrap", required=True, help="host:port of the broker")
    start_keycloak = commands.add_parser("keycloak", help="start Keycloak on a database file")
    start_keycloak.add_argument("--url", required=True, help="how browsers reach it")
    start_keycloak.add_argument("--heap", default="384m")
    secrets = commands.add_parser("secrets", help="make the Secrets that are missing")
    secrets.add_argument("--release", required=True)
    secrets.add_argument("--namespace", required=True)
    secrets.add_argument("--mongo-host", required=True, help="host:port in the services' addresses of their databases")
    secrets.add_argument("--tenant", default="main", help="tenant of the demonstration users")
    secrets.add_argument("--label", action="append", default=[], metavar="NAME=VALUE", help="a label of each Secret")
    for command in (start, start_kafka):
        command.add_argument("--data", type=Path, default=Path("/data"), help="folder of the data")
    for command in (start, users, start_kafka, rights, start_keycloak):
        command.add_argument("--secrets", type=Path, default=Path("/etc/itsm/secrets"), help="folder of the passwords")
    for command in (users, rights, secrets):
        command.add_argument("--wait", type=float, default=300, help="seconds to wait for what is needed")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code of a Job; a start does not return."""
    options = _parse(arguments)
    try:
        match options.command:
            case "mongod":
                asyncio.run(mongod.prepare(options.secrets, options.data, options.host, options.cache))
                mongod.start(options.secrets, options.data, options.cache)
            case "mongo-users":
                asyncio.run(mongod.create_users(options.secrets, options.host, options.wait))
            case "kafka":
                kafka.start(options.secrets, options.data, options.host, options.heap)
            case "kafka-rights":
                asyncio.run(kafka.grant_rights(options.secrets, options.bootstrap, options.wait))
            case "keycloak":
                keycloak.start(options.secrets, options.url, options.heap)
            case "secrets":
                labels = dict(label.partition("=")[::2] for label in options.label)
                passwords.make(options.release, options.namespace, options.mongo_host, options.tenant, labels, options.wait)
    except (StackError, PyMongoError, OSError) as problem:
        sys.stderr.write(f"{options.command}: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
