"""Agents."""

from typing import Any

from itsm.asset import v1 as pb

from chassis.codec import document_to_message, to_message
from services.asset.api.shared import asked
from services.asset.domain.agent import About, Agent
from services.asset.usecases.agents import AGENTS, Agents
from services.asset.usecases.reading import Reading


class AgentApi(pb.AgentServiceServicer):
    """`itsm.asset.v1.AgentService`."""

    def __init__(self, agents: Agents, reading: Reading) -> None:
        self._agents = agents
        self._reading = reading

    async def EnrollAgent(self, request: pb.EnrollAgentRequest, context: Any) -> pb.EnrollAgentResponse:
        about = About(name=request.name, version=request.version, platform=request.platform)
        enrolled = await self._agents.enroll(request.install_id, about, request.inventory)
        return pb.EnrollAgentResponse(agent_id=enrolled.agent_id, asset_id=enrolled.asset_id, key=enrolled.key)

    async def ReportInventory(self, request: pb.ReportInventoryRequest, context: Any) -> pb.ReportInventoryResponse:
        asset_id, full = await self._agents.report(request.id, request.version, request.inventory)
        return pb.ReportInventoryResponse(asset_id=asset_id, full=full)

    async def GetAgent(self, request: pb.GetAgentRequest, context: Any) -> pb.Agent:
        return document_to_message(await self._reading.get(Agent, request.id), pb.Agent)

    async def ListAgents(self, request: pb.ListAgentsRequest, context: Any) -> pb.ListAgentsResponse:
        rows, token = await self._reading.page(AGENTS, asked(request))
        return pb.ListAgentsResponse(agents=[document_to_message(row, pb.Agent) for row in rows], next_page_token=token)

    async def RevokeAgent(self, request: pb.RevokeAgentRequest, context: Any) -> pb.Agent:
        return to_message(await self._agents.revoke(request.id, request.reason), pb.Agent)
