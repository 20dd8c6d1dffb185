"""The exchange's own judgement of nonces."""

from __future__ import annotations

import pytest

from krakenonce.simulator.nonces import NonceRecord
from krakenonce.simulator.refusals import Refusal


def accepted(record: NonceRecord, *nonces: int) -> list[bool]:
    def passes(nonce: int) -> bool:
        try:
            record.accept(record.check(str(nonce)))
        except Refusal:
            return False
        return True

    return [passes(nonce) for nonce in nonces]


def test_without_a_window_only_rising_numbers_pass():
    assert accepted(NonceRecord(), 5, 5, 4, 6, 2**63 - 1, 2**63 - 2) == [True, False, False, True, True, False]


def test_a_window_lets_late_ones_in_once():
    assert accepted(NonceRecord(window=10), 100, 95, 95, 90, 91, 100) == [True, True, False, False, True, False]


def test_the_lenient_window_lets_repeats_in():
    assert accepted(NonceRecord(window=10, repeats=True), 100, 95, 95, 100, 90) == [True, True, True, True, False]


def test_a_window_remembers_across_many_numbers():
    record = NonceRecord(window=1000)
    assert all(accepted(record, *range(1, 5000)))
    assert not any(accepted(record, *range(4000, 5000)))


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "1e9", " 1", "1 ", "٣", str(2**63), "9" * 400, "0x10"])
def test_what_is_no_nonce_is_refused(text: str):
    with pytest.raises(Refusal, match="EAPI:Invalid nonce"):
        NonceRecord().check(text)
