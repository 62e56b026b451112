"""Notices of approvals: whose vote is wanted hears of it."""

import orjson
from itsm.incident import v1 as incident_pb

from chassis import context as ctx
from chassis import protojson
from tests.unit.gateway.notices import URL, Office
from tests.unit.gateway.post import NOON, boss


async def test_whose_vote_is_wanted_hears_of_it_agents_and_requesters_alike() -> None:
    office = Office()
    wanted = incident_pb.Approval(
        id="apr_1", title="CHG0000001 a disk", requester_id="bob", voter_ids=["ann", "cid"], expire_time=NOON
    )
    data = orjson.loads(protojson.encode(incident_pb.ApprovalStageBegan(stage="board", approval=wanted)))
    with ctx.use(boss()):
        await office.tell("e1", "itsm.incident.v1.ApprovalStageBegan", "approvals/apr_1", data, "bob")
        told = await office.rows()

    assert [row["target_id"] for row in told] == ["ann", "cid"]
    assert told[-1]["content"]["subject"] == "Your vote is wanted: CHG0000001 a disk"
    assert f"{URL}/approvals/apr_1" in told[-1]["content"]["text"]
