"""What the stores for many hosts share: leases kept by an engine, handed out in this process without a round trip."""

from krakenonce.stores.leases.settings import LeaseSettings, split_settings
from krakenonce.stores.leases.store import LeasedStore

__all__ = ["LeaseSettings", "LeasedStore", "split_settings"]
