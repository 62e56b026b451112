"""What somebody does with a client that was generated: `python use_client.py URL TOKEN CATEGORY`, the client on the path."""

import json
import sys

from itsm_client import AuthenticatedClient
from itsm_client.api.incidents import incidents_create, incidents_get, incidents_list, incidents_resolve, incidents_update
from itsm_client.models import Incident, IncidentInput, IncidentLevelInput, IncidentPatch, Problem, ResolveIncidentRequest


def main(url: str, token: str, category: str) -> None:
    """Reports an incident, finds it, changes it, and is refused in two ways; prints what it saw."""
    client = AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True)
    body = IncidentInput(
        title="Made by a generated client", category=category, impact=IncidentLevelInput.LOW, urgency=IncidentLevelInput.LOW
    )
    made = incidents_create.sync(client=client, body=body, idempotency_key=f"{category}-py")
    again = incidents_create.sync(client=client, body=body, idempotency_key=f"{category}-py")
    assert isinstance(made, Incident)
    assert isinstance(again, Incident)
    listed = incidents_list.sync(client=client, filter_=f'category = "{category}" AND state = NEW', page_size=10)
    got = incidents_get.sync(made.id, client=client)
    assert isinstance(got, Incident)
    patch = IncidentPatch(title="Changed by a generated client")
    changed = incidents_update.sync(made.id, client=client, body=patch, if_match=f'"{got.etag}"')
    assert isinstance(changed, Incident)
    stale = incidents_update.sync_detailed(made.id, client=client, body=patch, if_match=f'"{got.etag}"')
    assert isinstance(stale.parsed, Problem)
    wrong = incidents_resolve.sync(made.id, client=client, body=ResolveIncidentRequest(resolution_code="", resolution=""))
    assert isinstance(wrong, Problem)
    told = {
        "id": made.id,
        "again": again.id,
        "listed": [each.id for each in listed.incidents],
        "state": got.state.value,
        "created": got.create_time.year,
        "title": changed.title,
        "stale": [stale.status_code.value, stale.parsed.type_.value, stale.headers.get("etag")],
        "wrong": [wrong.status, wrong.type_.value, sorted(each.pointer for each in wrong.errors)],
        "etags": [got.etag, changed.etag],
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
