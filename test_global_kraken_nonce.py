#!/usr/bin/env python3
"""Seven checks of the quick start. Needs nothing but Python: run it as a script, or let pytest collect it.

python3 test_global_kraken_nonce.py
"""

from __future__ import annotations

import itertools
import pathlib
import sys
import threading
import traceback
from collections.abc import Callable, Iterable

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from bot.global_kraken_nonce import (
    GlobalKrakenNonceManager,
    get_global_kraken_nonce,
    get_global_nonce_manager,
    get_global_nonce_stats,
)

ACCOUNTS = ("MASTER", "USER:alice", "USER:bob", "USER:carol", "USER:dave", "USER:erin")


def rises(numbers: Iterable[int]) -> bool:
    """True if each number is above the one before."""
    return all(earlier < later for earlier, later in itertools.pairwise(numbers))


def issue_together(workers: int, each: int) -> list[list[int]]:
    """Let *workers* threads start at one moment and take *each* nonces; return what every one of them got."""
    issued: list[list[int]] = [[] for _ in range(workers)]
    start = threading.Barrier(workers)

    def work(mine: list[int]) -> None:
        start.wait()
        mine.extend(get_global_kraken_nonce() for _ in range(each))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in issued]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return issued


def test_each_nonce_is_above_the_one_before() -> None:
    """Basic order."""
    assert rises([get_global_kraken_nonce() for _ in range(10)])


def test_a_nonce_has_nineteen_digits() -> None:
    """Nanoseconds: 19 digits."""
    nonce = get_global_kraken_nonce()
    assert isinstance(nonce, int)
    assert len(str(nonce)) == 19


def test_a_hundred_threads_never_share_a_nonce() -> None:
    """100 threads, 100 nonces each."""
    issued = issue_together(workers=100, each=100)
    assert all(rises(mine) for mine in issued)
    assert len({nonce for mine in issued for nonce in mine}) == 100 * 100


def test_one_master_and_five_users_share_one_source() -> None:
    """1 master + 5 users."""
    issued = dict(zip(ACCOUNTS, issue_together(workers=len(ACCOUNTS), each=50), strict=True))
    assert all(rises(mine) for mine in issued.values())
    assert len({nonce for mine in issued.values() for nonce in mine}) == len(ACCOUNTS) * 50


def test_a_thousand_in_a_row() -> None:
    """1,000 in a row."""
    assert rises([get_global_kraken_nonce() for _ in range(1000)])


def test_there_is_one_manager() -> None:
    """Singleton."""
    found: set[int] = set()
    threads = [threading.Thread(target=lambda: found.add(id(get_global_nonce_manager()))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {id(GlobalKrakenNonceManager())}


def test_statistics_count_every_nonce() -> None:
    """Statistics."""
    before = get_global_nonce_stats()
    nonces = [get_global_kraken_nonce() for _ in range(7)]
    after = get_global_nonce_stats()
    assert after["total_nonces_issued"] == before["total_nonces_issued"] + 7
    assert after["last_nonce"] == nonces[-1]
    assert after["uptime_seconds"] > 0
    assert after["nonces_per_second"] > 0
    assert after["initialized_at"] == before["initialized_at"]


CHECKS: tuple[Callable[[], None], ...] = (
    test_each_nonce_is_above_the_one_before,
    test_a_nonce_has_nineteen_digits,
    test_a_hundred_threads_never_share_a_nonce,
    test_one_master_and_five_users_share_one_source,
    test_a_thousand_in_a_row,
    test_there_is_one_manager,
    test_statistics_count_every_nonce,
)


def passes(check: Callable[[], None]) -> bool:
    """Run one check, print how it went, and return whether it held."""
    try:
        check()
    except Exception:  # noqa: BLE001 - whatever went wrong, the next check still runs
        print(f"FAILED  {check.__doc__}\n{traceback.format_exc()}")
        return False
    print(f"passed  {check.__doc__}")
    return True


def main() -> int:
    """Run all checks; return 0 if all of them held."""
    held = sum([passes(check) for check in CHECKS])
    print(f"{held}/{len(CHECKS)} checks passed")
    return 0 if held == len(CHECKS) else 1


if __name__ == "__main__":
    sys.exit(main())
