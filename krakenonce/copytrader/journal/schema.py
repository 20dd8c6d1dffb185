"""The journal's tables, in the SQL that SQLite and PostgreSQL share.

Money is the text of the exact decimal; moments are nanoseconds since 1970, 0 for a step that was never reached.

What a fan-out writes for all users stands together: keys begin with the fill, and no index begins with the user but
those of the few rows that are open. Otherwise every user's rows would be written to pages of their own, and a fan-out
over a hundred users would take longer the more there is in the journal.
"""

from __future__ import annotations

FILLS = (
    "master, exec_id, order_txid, pair, side, volume, price, filled_ns, received_ns, order_volume, source, "
    "position_before, position_after, order_share, order_counted"
)
DECISIONS = "user_name, master, pair, exec_id, kind, side, delta, price, reason, decided_ns, cl_ord_id"
LINES = "user_name, master, pair, wanted, held, written_off, exec_id, attempt, reference, entered_ns"
ORDERS = (
    "cl_ord_id, user_name, master, pair, exec_id, attempt, purpose, side, volume, limit_price, deadline_ns, reference, "
    "phase, path, txid, executed, cost, fee, reason, planned_ns, sent_ns, acknowledged_ns, done_ns, ordertype, "
    "trigger_price, mirrors"
)
STANDINGS = "user_name, state, reason, since_ns, peak_equity, day, day_equity, failures"
MASTERS = "master, pair, position, cost, fills, newest_ns"
FOLLOWS = "user_name, master, since_ns"
META = "name, value"
MIRRORS = "user_name, master, pair, order_txid, mirror"
LEASES = "user_name, worker, until_ns"

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS copy_fills (
        master TEXT NOT NULL, exec_id TEXT NOT NULL, order_txid TEXT NOT NULL, pair TEXT NOT NULL, side TEXT NOT NULL,
        volume TEXT NOT NULL, price TEXT NOT NULL, filled_ns BIGINT NOT NULL, received_ns BIGINT NOT NULL,
        order_volume TEXT, source TEXT NOT NULL, position_before TEXT NOT NULL, position_after TEXT NOT NULL,
        order_share TEXT NOT NULL, order_counted TEXT NOT NULL, PRIMARY KEY (master, exec_id))""",
    "CREATE INDEX IF NOT EXISTS copy_fills_time ON copy_fills (master, filled_ns)",
    """CREATE TABLE IF NOT EXISTS copy_decisions (
        user_name TEXT NOT NULL, master TEXT NOT NULL, pair TEXT NOT NULL, exec_id TEXT NOT NULL, kind TEXT NOT NULL,
        side TEXT NOT NULL, delta TEXT NOT NULL, price TEXT NOT NULL, reason TEXT NOT NULL, decided_ns BIGINT NOT NULL,
        cl_ord_id TEXT NOT NULL, PRIMARY KEY (master, exec_id, user_name))""",
    "CREATE INDEX IF NOT EXISTS copy_decisions_open ON copy_decisions (user_name, master, pair) WHERE cl_ord_id = ''",
    """CREATE TABLE IF NOT EXISTS copy_lines (
        user_name TEXT NOT NULL, master TEXT NOT NULL, pair TEXT NOT NULL, wanted TEXT NOT NULL, held TEXT NOT NULL,
        written_off TEXT NOT NULL, exec_id TEXT NOT NULL, attempt BIGINT NOT NULL, reference TEXT NOT NULL,
        entered_ns BIGINT NOT NULL, PRIMARY KEY (user_name, master, pair))""",
    """CREATE TABLE IF NOT EXISTS copy_orders (
        cl_ord_id TEXT NOT NULL, user_name TEXT NOT NULL, master TEXT NOT NULL, pair TEXT NOT NULL,
        exec_id TEXT NOT NULL, attempt BIGINT NOT NULL, purpose TEXT NOT NULL, side TEXT NOT NULL, volume TEXT NOT NULL,
        limit_price TEXT, deadline_ns BIGINT NOT NULL, reference TEXT NOT NULL, phase TEXT NOT NULL, path TEXT NOT NULL,
        txid TEXT NOT NULL, executed TEXT NOT NULL, cost TEXT NOT NULL, fee TEXT NOT NULL, reason TEXT NOT NULL,
        planned_ns BIGINT NOT NULL, sent_ns BIGINT NOT NULL, acknowledged_ns BIGINT NOT NULL, done_ns BIGINT NOT NULL,
        ordertype TEXT, trigger_price TEXT, mirrors TEXT NOT NULL, PRIMARY KEY (exec_id, cl_ord_id))""",
    "CREATE INDEX IF NOT EXISTS copy_orders_open ON copy_orders (user_name) WHERE phase IN ('planned', 'open')",
    """CREATE TABLE IF NOT EXISTS copy_standings (
        user_name TEXT PRIMARY KEY, state TEXT NOT NULL, reason TEXT NOT NULL, since_ns BIGINT NOT NULL,
        peak_equity TEXT, day TEXT NOT NULL, day_equity TEXT, failures BIGINT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS copy_masters (
        master TEXT NOT NULL, pair TEXT NOT NULL, position TEXT NOT NULL, cost TEXT NOT NULL, fills BIGINT NOT NULL,
        newest_ns BIGINT NOT NULL, PRIMARY KEY (master, pair))""",
    """CREATE TABLE IF NOT EXISTS copy_follows (
        user_name TEXT NOT NULL, master TEXT NOT NULL, since_ns BIGINT NOT NULL, PRIMARY KEY (user_name, master))""",
    "CREATE TABLE IF NOT EXISTS copy_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS copy_mirrors (
        user_name TEXT NOT NULL, master TEXT NOT NULL, pair TEXT NOT NULL, order_txid TEXT NOT NULL,
        mirror TEXT NOT NULL, PRIMARY KEY (user_name, master, pair, order_txid))""",
    """CREATE TABLE IF NOT EXISTS copy_leases (
        user_name TEXT PRIMARY KEY, worker TEXT NOT NULL, until_ns BIGINT NOT NULL)""",
)  # fmt: skip
