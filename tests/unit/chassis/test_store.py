"""The store on the database of the test kit."""

import pytest

from chassis.store import Backend
from chassis.testing import MemoryBackend
from tests.support.store_cases import StoreCases


class TestMemoryStore(StoreCases):
    """Proves the fake by the cases of the real one."""

    @pytest.fixture
    def backend(self) -> Backend:
        return MemoryBackend()
