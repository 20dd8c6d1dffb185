"""The quick start, to the letter, and the manager behind it."""

import importlib.util
import logging
import os
import pathlib
import subprocess
import sys
import threading

import pytest

import krakenonce
from bot import global_kraken_nonce as quick_start
from krakenonce.clock import NS_PER_SECOND, ManualClock, parse_rfc3339
from krakenonce.errors import ConfigError, ForkedProcess
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.lanes import LaneRegistry
from tests.forking import in_forked_child

ROOT = pathlib.Path(__file__).parent.parent
KEYS = {"total_nonces_issued", "uptime_seconds", "nonces_per_second", "last_nonce", "initialized_at"}


def own_manager(**options):
    return GlobalKrakenNonceManager("memory://", registry=LaneRegistry(), **options)


def test_the_names_of_the_quick_start():
    nonce = quick_start.get_global_kraken_nonce()
    assert type(nonce) is int
    assert len(str(nonce)) == 19
    assert quick_start.get_global_nonce_stats().keys() == KEYS
    assert quick_start.get_global_nonce_manager() is quick_start.GlobalKrakenNonceManager()
    assert quick_start.get_kraken_api_lock() is quick_start.get_kraken_api_lock()
    assert "Lanes make it unnecessary" in quick_start.get_kraken_api_lock.__doc__
    assert "19 digits" in quick_start.get_global_kraken_nonce.__doc__


def test_statistics_count_what_was_issued():
    clock = ManualClock()
    manager = own_manager(clock=clock)
    began = clock.wall_ns()
    for _ in range(10):
        last = manager.get_nonce()
    clock.advance(5 * NS_PER_SECOND)
    stats = manager.get_stats()
    assert stats == {
        "total_nonces_issued": 10,
        "uptime_seconds": 5.0,
        "nonces_per_second": 2.0,
        "last_nonce": last,
        "initialized_at": "2026-09-21T14:13:20.000000Z",
    }
    assert parse_rfc3339(stats["initialized_at"]) == began


def test_asking_for_statistics_issues_nothing():
    manager = own_manager(clock=ManualClock())
    assert manager.get_stats()["total_nonces_issued"] == 0
    assert manager.get_stats()["last_nonce"] == 0
    manager.get_nonce()
    assert manager.get_stats() == manager.get_stats()


def test_the_lock_for_old_code_tolerates_reentry():
    with quick_start.get_kraken_api_lock(), quick_start.get_kraken_api_lock():
        assert quick_start.get_global_kraken_nonce()


def test_one_manager_however_many_threads_ask_first():
    found = set()
    threads = [threading.Thread(target=lambda: found.add(id(GlobalKrakenNonceManager()))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1


def test_a_manager_with_arguments_is_its_own():
    assert own_manager() is not own_manager()
    with pytest.raises(ConfigError, match="store"):
        GlobalKrakenNonceManager("nonsense://")


def test_a23_two_managers_of_one_process_share_the_numbers_and_the_lanes():
    first, second = GlobalKrakenNonceManager("memory://"), GlobalKrakenNonceManager("memory://")
    assert first.lane("shared by two managers") is second.lane("shared by two managers")
    numbers = [manager.get_nonce() for _ in range(100) for manager in (first, second)]
    assert numbers == sorted(set(numbers))


def test_a24_a_forked_child_is_refused_by_manager_and_lane():
    manager = own_manager()
    lane = manager.lane("key")
    assert in_forked_child(manager.get_nonce).startswith(ForkedProcess.__name__)
    assert in_forked_child(lambda: lane.turn().__enter__()).startswith(ForkedProcess.__name__)


def test_a_child_forked_inside_a_turn_leaves_the_parents_lane_alone():
    lane = own_manager().lane("key")
    turn = lane.turn()
    with turn:
        assert in_forked_child(lambda: turn.__exit__(None, None, None)) == "None"
        assert lane.stats().in_flight == 1
    assert lane.stats().in_flight == 0


def test_old_nonce_files_are_neither_read_nor_deleted(tmp_path):
    files = [tmp_path / name for name in ("kraken_nonce.txt", "kraken_nonce_user_alice.txt", "nonce.json")]
    for file in files:
        file.write_text("9223372036854775807")
    result = run_bare("from bot.global_kraken_nonce import *; print(get_global_kraken_nonce())", cwd=tmp_path)
    assert len(result.strip()) == 19
    assert int(result) < 3 * 10**18
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert {file.read_text() for file in files} == {"9223372036854775807"}


def run_bare(code, *, cwd=ROOT):
    """Run *code* in an interpreter that sees the standard library and this repository, and nothing else."""
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-S", "-W", "error", "-c", code],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_core_needs_the_standard_library_only():
    modules = "krakenonce krakenonce.adapters krakenonce.stores krakenonce.lanes bot.global_kraken_nonce"
    for module in modules.split():
        run_bare(f"import {module}")


def test_public_names_are_all_there():
    for name in krakenonce.__all__:
        assert getattr(krakenonce, name).__doc__


def load_again(name, path):
    """Load a second copy of a module, as a second import path or a reload would."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a23_a_second_copy_of_the_module_shares_numbers_and_lanes():
    copy = load_again("second_copy_of_global_nonce", ROOT / "krakenonce" / "global_nonce.py")
    assert copy.GlobalKrakenNonceManager is not GlobalKrakenNonceManager
    numbers = [get() for _ in range(100) for get in (copy.get_global_kraken_nonce, quick_start.get_global_kraken_nonce)]
    assert numbers == sorted(set(numbers))
    assert copy.get_global_nonce_manager().lane("seen twice") is GlobalKrakenNonceManager().lane("seen twice")


def test_the_manager_logs_nothing_when_nothing_is_wrong(caplog):
    caplog.set_level(logging.INFO)
    own_manager().get_nonce()
    assert caplog.records == []
