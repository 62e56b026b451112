"""What a request must bring, by its proto: all that is required; of an update, what its mask names."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from itsm.asset import v1 as assets
from itsm.incident import v1 as pb
from itsm.type import v1 as tp

from chassis.rpc.methods import missing


def test_a_new_record_brings_all_that_is_required() -> None:
    assert list(missing(pb.OpenIncidentRequest(incident=pb.Incident(description="no title")))) == ["incident.title"]
    assert list(missing(pb.OpenIncidentRequest(incident=pb.Incident(title="Mail is down")))) == []


@pytest.mark.parametrize(
    ("incident", "mask", "found"),
    [
        (pb.Incident(), ["title"], ["incident.title"]),
        (pb.Incident(), ["title", "description"], ["incident.title"]),
        (pb.Incident(), ["description"], []),
        (pb.Incident(description="more"), ["description"], []),
        (pb.Incident(title="Other"), ["title"], []),
        (pb.Incident(impact=9999), ["impact"], ["incident.impact"]),
        (pb.Incident(impact=9999, title="Other"), ["title"], []),
        (pb.Incident(description="more"), [], []),
    ],
)
def test_an_update_brings_what_its_mask_names_of_it(incident: pb.Incident, mask: list[str], found: list[str]) -> None:
    request = pb.UpdateIncidentRequest(id="inc_1", incident=incident, update_mask=FieldMask(paths=mask), etag="1")
    assert list(missing(request)) == found


def test_values_of_a_map_are_asked_for_what_they_need_like_any_other() -> None:
    asset = assets.Asset(name="web01", **{"class": "server"}, attributes={"cpuCount": tp.Value(integer=8)})
    assert list(missing(assets.CreateAssetRequest(asset=asset))) == []
    asset.provenance["cpuCount"].others.add(source="agent")
    assert list(missing(assets.CreateAssetRequest(asset=asset))) == []
    assert list(missing(assets.CreateImportRequest(text="a", source="b", mapping={"a": "name"}))) == []
