"""Rooms that a plugin serves: told like any other, tried again like any other, and none that nobody has named."""

from pathlib import Path

import pytest

from chassis import context as ctx
from chassis.errors import Invalid
from services.gateway.ports import CHANNELS, ChannelPlugin
from services.gateway.usecases.rooms import SEALED
from tests.support.plugins.example.itsm_example.channel import LineChannel
from tests.unit.gateway.notices import Office
from tests.unit.gateway.post import boss


async def test_a_room_of_a_plugin_is_told_and_tried_again(tmp_path: Path) -> None:
    file, office = tmp_path / "board", Office(plugins={"lines": LineChannel()})
    file.mkdir()  # nobody can write there yet
    with ctx.use(boss()):
        room = await office.rooms.create(f"plugin:lines:{file}", {"name": "Board", "kind": "GENERIC"})
        told = await office.rooms.test(room.id)
        assert await office.deliver() == 1
        assert (await office.log.one(told["_id"]))["state"] == "PENDING"
        file.rmdir()
        office.clock.advance(minutes=1)
        office.seconds += 60
        assert await office.deliver() == 1
        done = await office.log.one(told["_id"])
        (row,) = await office.store.find(SEALED, {})
    assert (done["state"], done["attempt_count"]) == ("DELIVERED", 2)
    assert file.read_text().startswith(told["_id"])
    assert str(file) not in repr(row), "the address is kept as that of any room"


async def test_a_plugin_that_is_not_there_serves_no_room() -> None:
    office = Office(plugins={"lines": LineChannel()})
    with ctx.use(boss()):
        for url in ("plugin:other:x", "plugin:", "plugins:lines:x"):
            with pytest.raises(Invalid, match="url"):
                await office.rooms.create(url, {"name": "Board", "kind": "GENERIC"})
        room = await office.rooms.create("plugin:lines:", {"name": "Board", "kind": "GENERIC"})
        told = await office.rooms.test(room.id)
        await office.deliver()
        assert (await office.log.one(told["_id"]))["state"] == "FAILED", "it refuses an address without a file"


def test_the_example_has_the_shape_of_its_kind() -> None:
    assert isinstance(LineChannel(), ChannelPlugin)
    assert LineChannel.api == CHANNELS.version
