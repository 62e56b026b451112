"""`itsm.gateway.v1.ChatRoomService`."""

from typing import Any

from itsm.gateway import v1 as pb

from chassis.codec import changes, document_to_message, given, to_message
from services.gateway.api.requests import asked
from services.gateway.domain.chat_room import ChatRoom
from services.gateway.usecases.rooms import Rooms


class ChatRoomApi(pb.ChatRoomServiceServicer):
    """Rooms. What a caller says of an address goes to where secrets are kept, and is no field of a room."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def CreateChatRoom(self, request: pb.CreateChatRoomRequest, context: Any) -> pb.ChatRoom:
        url = _taken(request.chat_room)
        return to_message(await self._rooms.create(url, given(request.chat_room, ChatRoom)), pb.ChatRoom)

    async def GetChatRoom(self, request: pb.GetChatRoomRequest, context: Any) -> pb.ChatRoom:
        return document_to_message(await self._rooms.get(request.id), pb.ChatRoom)

    async def ListChatRooms(self, request: pb.ListChatRoomsRequest, context: Any) -> pb.ListChatRoomsResponse:
        rows, token = await self._rooms.page(asked(request))
        found = [document_to_message(row, pb.ChatRoom) for row in rows]
        return pb.ListChatRoomsResponse(chat_rooms=found, next_page_token=token)

    async def UpdateChatRoom(self, request: pb.UpdateChatRoomRequest, context: Any) -> pb.ChatRoom:
        paths = list(request.update_mask.paths) if request.HasField("update_mask") else None
        named = bool(request.chat_room.url) if paths is None else "url" in paths
        url = _taken(request.chat_room)
        if paths is None:
            fields = given(request.chat_room, ChatRoom)
        else:
            fields = changes(request.chat_room, [path for path in paths if path != "url"], ChatRoom)
        room = await self._rooms.update(request.id, url if named else None, fields, etag=request.etag)
        return to_message(room, pb.ChatRoom)

    async def DeleteChatRoom(self, request: pb.DeleteChatRoomRequest, context: Any) -> pb.ChatRoom:
        return to_message(await self._rooms.delete(request.id, etag=request.etag), pb.ChatRoom)

    async def TestChatRoom(self, request: pb.TestChatRoomRequest, context: Any) -> pb.Delivery:
        return document_to_message(await self._rooms.test(request.id), pb.Delivery)


def _taken(room: pb.ChatRoom) -> str:
    url = room.url
    room.ClearField("url")
    return url
