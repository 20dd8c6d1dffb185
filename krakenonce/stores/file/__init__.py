"""The store of one host: ``file:///path``. All processes of the host that name the same directory share it."""

from krakenonce.stores.file.store import FileStore

__all__ = ["FileStore"]
