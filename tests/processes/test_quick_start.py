"""The quick start's functions, shared between processes by one environment variable."""

import os
import struct
import subprocess
import sys

SCRIPT = """
import os, struct, sys, threading
from krakenonce.clock import SystemClock
from bot.global_kraken_nonce import get_global_kraken_nonce, get_global_nonce_stats
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def work():
    for _ in range(300):
        begin = SystemClock.boot_ns()
        nonce = get_global_kraken_nonce()
        os.write(log, struct.pack("<QQQ", begin, nonce, SystemClock.boot_ns()))
threads = [threading.Thread(target=work) for _ in range(2)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(get_global_nonce_stats()["total_nonces_issued"])
"""


def test_numbers_are_unique_and_rise_across_processes(tmp_path):
    environment = {**os.environ, "KRAKENONCE_STORE": f"file://{tmp_path}/store"}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "log")]
    runs = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [run.communicate()[0].strip() for run in runs] == ["600"] * 4
    rows = list(struct.iter_unpack("<QQQ", (tmp_path / "log").read_bytes()))
    assert len({nonce for _, nonce, _ in rows}) == len(rows) == 2400
    assert all(len(str(nonce)) == 19 for _, nonce, _ in rows)
    assert disorder(rows) == 0


def test_the_check_sees_disorder():
    assert disorder([(1, 10, 2), (3, 9, 4)]) == 1
    assert disorder([(1, 10, 5), (3, 9, 4)]) == 0


def disorder(rows):
    """Count numbers that are not above one that was known before they were asked for."""
    found = highest = place = 0
    ended = sorted((end, nonce) for _, nonce, end in rows)
    for begin, nonce, _ in sorted(rows):
        while place < len(ended) and ended[place][0] < begin:
            highest = max(highest, ended[place][1])
            place += 1
        found += nonce <= highest
    return found
