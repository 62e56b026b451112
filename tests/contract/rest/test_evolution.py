"""Programs that were written for a release go on working: nothing that REST promised is taken back."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from deploy.version import version
from tests.contract.chart.immutable import last_of_two_minors, released
from tests.contract.rest.evolution import FOLDER, broken, document, kept, promised

KEPT = sorted(file.stem for file in FOLDER.glob("*.json"))
AGAIN = "`.venv/bin/python -m tests.contract.rest.evolution` writes it"

Document = dict[str, Any]
NOW: Document = document()


@pytest.mark.parametrize("release", KEPT)
def test_nothing_that_a_release_promised_is_taken_back(release: str) -> None:
    present = json.loads(json.dumps(promised(NOW)))
    found = broken(kept(release), present)
    assert not found, f"{found}; while {release} is not released, {AGAIN}"


def test_what_the_last_two_minor_releases_promised_is_kept() -> None:
    assert version() in KEPT, AGAIN
    assert not set(last_of_two_minors(released())) - set(KEPT), "a release forgot what it promised: its tag can tell"


def _operation_removed(found: Document) -> None:
    del found["paths"]["/api/v1/incidents/{id}:resolve"]


def _operation_renamed(found: Document) -> None:
    found["paths"]["/api/v1/incidents"]["get"]["operationId"] = "incidents_find"


def _parameter_removed(found: Document) -> None:
    listed = found["paths"]["/api/v1/incidents"]["get"]
    listed["parameters"] = [each for each in listed["parameters"] if each.get("name") != "filter"]


def _parameter_newly_required(found: Document) -> None:
    found["components"]["parameters"]["IdempotencyKey"]["required"] = True


def _member_removed(found: Document) -> None:
    del found["components"]["schemas"]["Incident"]["properties"]["category"]


def _member_retyped(found: Document) -> None:
    found["components"]["schemas"]["Incident"]["properties"]["assetIds"]["items"] = {"type": "integer"}


def _answered_no_longer_always(found: Document) -> None:
    found["components"]["schemas"]["Incident"]["required"].remove("category")


def _newly_required(found: Document) -> None:
    found["components"]["schemas"]["IncidentInput"]["required"].append("category")


def _word_removed(found: Document) -> None:
    found["components"]["schemas"]["IncidentState"]["enum"].remove("ON_HOLD")


def _another_answer(found: Document) -> None:
    content = found["paths"]["/api/v1/incidents/{id}"]["get"]["responses"]["200"]["content"]
    content["application/json"]["schema"] = {"$ref": "#/components/schemas/Asset"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_operation_removed, "POST /api/v1/incidents/{id}:resolve is gone"),
        (_operation_renamed, "id was incidents_list and is incidents_find"),
        (_parameter_removed, "query filter was string and is nothing"),
        (_parameter_newly_required, "header Idempotency-Key is newly required"),
        (_member_removed, "Incident.category was string and is None"),
        (_member_retyped, "Incident.assetIds was [string] and is [integer"),
        (_answered_no_longer_always, "Incident.category is promised no more"),
        (_newly_required, "IncidentInput.category is newly required"),
        (_word_removed, "IncidentState: the word ON_HOLD is gone"),
        (_another_answer, "the answer 200 was application/json #Incident and is application/json #Asset"),
    ],
)
def test_what_breaks_programs_is_told(change: Callable[[Document], None], told: str) -> None:
    changed = copy.deepcopy(NOW)
    change(changed)
    assert any(told in fault for fault in broken(promised(NOW), promised(changed)))


def test_what_is_added_breaks_nothing() -> None:
    more = copy.deepcopy(NOW)
    more["paths"]["/api/v1/wishes"] = {"get": {**NOW["paths"]["/api/v1/incidents"]["get"], "operationId": "wishes_list"}}
    more["components"]["schemas"]["Incident"]["properties"]["wish"] = {"type": "string"}
    more["components"]["schemas"]["Incident"]["required"].append("wish")
    more["components"]["schemas"]["IncidentInput"]["properties"]["wish"] = {"type": "string"}
    more["components"]["schemas"]["IncidentState"]["enum"].append("WISHED")
    assert broken(promised(NOW), promised(more)) == []
