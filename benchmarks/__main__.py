"""Print every figure with its bar, beside the peers'. Exit status 1 if something is wrong (not merely slow)."""

from __future__ import annotations

import argparse
import platform
import sys
import warnings

from benchmarks.bad_key import bad_key_rows
from benchmarks.copying import copy_rows
from benchmarks.crowd import many_keys_rows
from benchmarks.killing import kill_rows
from benchmarks.ordering import CALLS, one_key_rows
from benchmarks.orders import exactly_once_rows
from benchmarks.peers import nonce_rows, turn_rows
from benchmarks.rates import rates_rows
from benchmarks.simulator import simulator_rows
from benchmarks.table import Row, show


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS, help="calls per client and way on one key (%(default)s)")
    choices = ["nonce", "turn", "keys", "order", "exactly-once", "bad-key", "rates", "copy", "kill", "simulator"]
    parser.add_argument("--only", choices=choices, help="one part instead of all")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # the peers' own deprecations
    parts = {
        "nonce": ("One nonce", nonce_rows),
        "turn": ("What ordering adds to a call, uncontended", turn_rows),
        "keys": ("Many keys at once, network 20 ms +- 15", many_keys_rows),
        "order": ("Eight callers on one key, network 20 ms +- 15", lambda: one_key_rows(options.calls)),
        "exactly-once": ("What exactly-once adds to an order, without network", exactly_once_rows),
        "bad-key": ("One bad key among a hundred, network 20 ms +- 15", bad_key_rows),
        "rates": ("What rate model and journal add to an order", rates_rows),
        "copy": ("Copying a fill, network 20 ms +- 15", copy_rows),
        "kill": ("The kill switch, network 20 ms +- 15", kill_rows),
        "simulator": ("The simulated exchange, alone on one core", simulator_rows),
    }
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    rows: list[Row] = []
    for name, (title, measure) in parts.items():
        if options.only in (None, name):
            measured = measure()
            show(title, measured)
            rows += measured
    return int(any(row.ok is False and row.is_correctness for row in rows))


if __name__ == "__main__":
    sys.exit(main())
