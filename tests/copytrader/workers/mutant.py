"""``krakenonce`` without the check of leases: what the tests of several workers have to be able to see.

Its orders have names of their own: else the journal of orders over REST would keep it from sending what another worker
has sent, if both happen to go that way.
"""

import secrets
import sys

from krakenonce.cli import main
from krakenonce.copytrader.engine.copier import Copier
from krakenonce.copytrader.engine.sharing import Sharing
from krakenonce.copytrader.journal.postgres import PostgresBackend
from krakenonce.copytrader.live import LiveAccount

send = LiveAccount.send

PostgresBackend._lost = lambda self, connection, users: frozenset()
Copier.hold_until = lambda self, boot_ns: None
Sharing._lose = lambda self, user: None
LiveAccount.send = lambda self, order: send(self, order._replace(cl_ord_id=f"x{secrets.token_hex(8)}"))

if __name__ == "__main__":
    sys.exit(main())
