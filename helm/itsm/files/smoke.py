"""What `helm test` does: everything is ready, the interface is described, and an incident makes its way to the live stream.

Ends with 0, or with 1 and what was seen instead. Uses the standard library alone.
"""

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

GATEWAY = os.environ["GATEWAY"]
PATIENCE = 300.0


def ask(method: str, url: str, token: str = "", body: object = None, timeout: float = 15) -> tuple[int, bytes]:
    """Status and body, whatever the status."""
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    if method == "POST":
        headers["idempotency-key"] = str(uuid.uuid4())
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read()
    except OSError as problem:
        return 0, str(problem).encode()


def until(what: str, seen) -> None:
    """Tries again until `seen` answers with something true, `PATIENCE` seconds at most."""
    end = time.monotonic() + PATIENCE
    said = None
    while time.monotonic() < end:
        done, said = seen()
        if done:
            print(f"ok: {what}", flush=True)
            return
        time.sleep(2)
    sys.exit(f"not ok: {what}: {said!r}")


def ready(address: str):
    status, body = ask("GET", f"{address}/readyz")
    return status == 200, body


def described():
    status, body = ask("GET", f"{GATEWAY}/api/v1/openapi.json")
    return status == 200 and "/api/v1/incidents" in json.loads(body)["paths"], status


def created(path: str, token: str, body: object) -> dict:
    found = {}

    def once():
        status, answer = ask("POST", f"{GATEWAY}{path}", token, body)
        if status in (200, 201):
            found.update(json.loads(answer))
        return status in (200, 201), answer

    until(f"POST {path}", once)
    return found


class Listener(threading.Thread):
    """Collects what the live stream says."""

    def __init__(self, token: str) -> None:
        super().__init__(daemon=True)
        self.token, self.text, self.open = token, "", False

    def run(self) -> None:
        headers = {"authorization": f"Bearer {self.token}", "accept": "text/event-stream"}
        request = urllib.request.Request(f"{GATEWAY}/api/v1/stream?topics=incidents", headers=headers)
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    self.open = True
                    for line in answer:
                        self.text += line.decode()
            except OSError as problem:
                self.text += f"({problem})"
                time.sleep(1)


def main() -> None:
    for address in os.environ["MANAGEMENT"].split():
        until(f"ready: {address}", lambda address=address: ready(address))
    until("the interface is described", described)
    status, _ = ask("GET", f"{GATEWAY}/api/v1/incidents")
    if status != 401:
        sys.exit(f"not ok: without a token incidents must not be listed: {status}")
    if "TOKENS" not in os.environ:
        print("There is no token, so nobody signed in: set tests.existingSecret to test more.")
        return
    agent, keeper = (Path(os.environ["TOKENS"], name).read_text().strip() for name in ("agent", "asset-manager"))
    name = f"helm-test-{uuid.uuid4().hex[:8]}"
    asset = created("/api/v1/assets", keeper, {"name": name, "class": "server"})
    listener = Listener(agent)
    listener.start()
    until("the live stream is open", lambda: (listener.open, listener.text))
    incident = created(
        "/api/v1/incidents",
        agent,
        {"title": name, "impact": "LOW", "urgency": "LOW", "assetIds": [asset["id"]]},
    )
    until("its event came through Kafka", lambda: (incident["id"] in listener.text, listener.text[-500:]))

    def read():
        status, body = ask("GET", f"{GATEWAY}/api/v1/incidents/{incident['id']}", agent)
        return status == 200 and json.loads(body)["title"] == name, body

    until("it can be read", read)


if __name__ == "__main__":
    main()
