"""What the driver says becomes what callers understand."""

import pytest
from pymongo.errors import BulkWriteError, OperationFailure

from chassis.errors import Busy, Unavailable
from chassis.store.mongo import _translated

FULL = 14031


@pytest.mark.parametrize(
    "error", [OperationFailure("no room", FULL), BulkWriteError({"writeErrors": [{"code": FULL, "errmsg": "no room"}]})]
)
def test_a_full_disk_is_a_database_that_is_not_there_for_now(error: OperationFailure) -> None:
    with pytest.raises(Unavailable) as told, _translated():
        raise error
    assert not isinstance(told.value, Busy)
    assert "room" in told.value.message
