"""Every store passes the published suite."""

import pytest

from krakenonce.stores.file import FileStore
from krakenonce.stores.memory import MemoryStore
from krakenonce.testing import CoarseClock, StoreConformance
from krakenonce.testing.stage import NOW


class WithACoarseClock:
    def make_clock(self):
        return CoarseClock(wall_ns=NOW)


class TestMemoryStore(StoreConformance):
    def open(self, clock):
        return MemoryStore()


class TestMemoryStoreWithACoarseClock(WithACoarseClock, TestMemoryStore):
    pass


class TestFileStore(StoreConformance):
    options = ""

    @pytest.fixture(autouse=True)
    def directory(self, tmp_path):
        self.path = tmp_path

    def setup_method(self):
        """The suite opens before fixtures run: so wait for the directory."""

    @pytest.fixture(autouse=True)
    def opened(self, directory):
        super().setup_method()

    def open(self, clock):
        return FileStore(f"file://{self.path}/store{self.options}", clock)

    def open_again(self, store, clock):
        return FileStore(store.url, clock)


class TestFileStoreWithPlainLocks(TestFileStore):
    """The lesser guarantee of systems without locks on byte ranges: exclusive, but in no order."""

    options = "?locks=flock"


class TestFileStoreWithACoarseClock(WithACoarseClock, TestFileStore):
    pass
