"""Keycloak in a container, on a database file. A first start that was interrupted is begun anew."""

import http.client
import os
import shutil
import time
from pathlib import Path

from stack.keycloak import BOOTSTRAP_ADMIN, BOOTSTRAP_CLIENT

_HOME = Path("/opt/keycloak")
_DATA = _HOME / "data"
_PORT, _MANAGEMENT_PORT = 8080, 9000
_PATIENCE_SECONDS = 1800


def start(secrets: Path, url: str, heap: str) -> None:
    """Replaces this process by Keycloak; a child of it notes when the first start is through."""
    done = _DATA / "initialized"
    if not done.exists():
        shutil.rmtree(_DATA / "h2", ignore_errors=True)
        if os.fork() == 0:
            _note(done)
            os._exit(0)
    jvm = f"-Xms64m -Xmx{heap} -XX:MetaspaceSize=96M -XX:MaxMetaspaceSize=256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
    environment = {
        **os.environ,  # noqa: TID251  (handed on, not read)
        "JAVA_OPTS": f"{jvm} -Djava.io.tmpdir=/tmp",
        "KC_BOOTSTRAP_ADMIN_USERNAME": BOOTSTRAP_ADMIN,
        "KC_BOOTSTRAP_ADMIN_PASSWORD": (secrets / "password").read_text(),
        "KC_BOOTSTRAP_ADMIN_CLIENT_ID": BOOTSTRAP_CLIENT,
        "KC_BOOTSTRAP_ADMIN_CLIENT_SECRET": (secrets / "client-secret").read_text(),
    }
    command = [str(_HOME / "bin" / "kc.sh"), "start", "--optimized", "--cache=local", "--http-enabled=true",
               f"--http-port={_PORT}", f"--http-management-port={_MANAGEMENT_PORT}", f"--hostname={url}",
               "--hostname-backchannel-dynamic=true",
               "--log-level=warn,org.keycloak.quarkus.runtime.KeycloakMain:info"]  # fmt: skip
    os.execve(command[0], command, environment)  # noqa: S606  (no shell of ours is wanted)


def _note(done: Path) -> None:
    """Writes the mark once the server says that it is healthy."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        time.sleep(2)
        connection = http.client.HTTPConnection("127.0.0.1", _MANAGEMENT_PORT, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == http.client.OK:
                done.touch()
                return
        except (OSError, http.client.HTTPException):
            continue  # it still starts
        finally:
            connection.close()
