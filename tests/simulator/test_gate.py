"""Keys, signatures, nonces and permissions, in the exchange's order."""

from __future__ import annotations

from dataclasses import replace

from krakenonce.kraken.signing import sign
from krakenonce.simulator.calls import Call

BALANCE = "/0/private/Balance"


def signed(bench, body: bytes, nonce: str, **changes) -> Call:
    master = bench.master
    call = Call("POST", BALANCE, body=body, api_key=master.key, api_sign=sign(BALANCE, nonce, body, master.secret))
    return replace(call, **changes)


def test_a_signed_call_is_answered_in_form_and_in_json(bench):
    assert bench.ok("Balance")["ZUSD"] == "100000.0000"
    assert bench.ok("Balance", as_json=True) == bench.ok("Balance")
    assert bench.ok("Balance", as_json=True, nonce="77") == bench.ok("Balance", nonce=78)


def test_the_order_of_the_checks(bench):
    bad = signed(bench, b"nonce=7", "7", api_sign="AAAA")
    assert bench.raw(replace(bad, api_key="nobody"))["error"] == ["EAPI:Invalid key"]
    assert bench.raw(bad)["error"] == ["EAPI:Invalid signature"]
    assert bench.raw(signed(bench, b"nonce=7", "7"))["error"] == []
    assert bench.raw(signed(bench, b"nonce=7", "7"))["error"] == ["EAPI:Invalid nonce"]
    bench.master.keys[0].permissions = frozenset()
    assert bench.raw(signed(bench, b"nonce=7", "7"))["error"] == ["EAPI:Invalid nonce"]
    assert bench.raw(signed(bench, b"nonce=8", "8"))["error"] == ["EGeneral:Permission denied"]


def test_a_wrong_signature_does_not_use_the_nonce_up(bench):
    bench.raw(signed(bench, b"nonce=900", "900", api_sign="AAAA"))
    assert bench.raw(signed(bench, b"nonce=5", "5"))["error"] == []


def test_a_refused_argument_uses_the_nonce_up_unless_switched(bench, make_bench):
    assert bench.error("QueryOrders", nonce=9) == "EGeneral:Invalid arguments"
    assert bench.error("Balance", nonce=9) == "EAPI:Invalid nonce"
    lenient = make_bench(refused_consumes_nonce=False)
    lenient.error("QueryOrders", nonce=9)
    lenient.ok("Balance", nonce=9)


def test_the_signature_covers_the_raw_bytes(bench):
    body = b"b=2&nonce=5&a=%31"
    assert bench.raw(signed(bench, body, "5"))["error"] == []
    other = signed(bench, b"a=1&b=2&nonce=6", "6")
    assert bench.raw(replace(other, body=b"b=2&a=1&nonce=6"))["error"] == ["EAPI:Invalid signature"]


def test_bodies_without_a_nonce(bench):
    for body in (b"", b"nonce=", b"\xff\xfe", b"{", b"nonce=abc"):
        assert bench.raw(signed(bench, body, ""))["error"][0] in ("EAPI:Invalid nonce", "EAPI:Invalid signature")
    assert bench.raw(signed(bench, b"", ""))["error"] == ["EAPI:Invalid nonce"]
    assert bench.raw(signed(bench, b"[1]", "", content_type="application/json"))["error"] == ["EAPI:Invalid nonce"]


def test_unknown_methods_are_404_and_names_are_case_sensitive(bench):
    for path in ("/0/private/GetAPIKeyInfo", "/0/private/", "/0/public/time", "/0/public/", "/", "/1/public/Time"):
        reply = bench.raw(Call("GET" if "public" in path else "POST", path))
        assert (reply["status"], reply["error"]) == (404, ["EGeneral:Unknown method"])


def test_keys_of_one_account_have_nonces_of_their_own(bench):
    second = bench.exchange.add_key(bench.master)
    bench.ok("Balance", nonce=500)
    assert bench.call("Balance", key=second, nonce=3)["error"] == []
    assert (len(second.key), len(second.secret)) == (56, 88)


def test_lockout_by_key_ends_after_its_time(make_bench):
    bench = make_bench(lockout_after=3, lockout_s=900)
    for _ in range(3):
        assert bench.error("Balance", nonce=0) == "EAPI:Invalid nonce"
    assert bench.error("Balance") == "EGeneral:Temporary lockout"
    other = bench.exchange.accounts[1].keys[0]
    assert bench.call("Balance", key=other)["error"] == []
    bench.wait(901)
    bench.ok("Balance")


def test_lockout_by_address_hits_everybody_there(make_bench):
    bench = make_bench(lockout_after=3, lockout_scope="ip")
    for _ in range(3):
        bench.error("Balance", nonce=0)
    assert bench.call("Balance", key=bench.exchange.accounts[1].keys[0])["error"] == ["EGeneral:Temporary lockout"]


def test_a_good_call_ends_a_row_of_bad_ones(make_bench):
    bench = make_bench(lockout_after=3)
    for _ in range(5):
        bench.error("Balance", nonce=0)
        bench.error("Balance", nonce=0)
        bench.ok("Balance")


def test_the_evidence_names_every_verdict(bench):
    bench.ok("Balance", nonce=10)
    bench.error("Balance", nonce=10)
    first, second = bench.exchange.evidence.log()
    assert (first["verdict"], first["nonce"], first["account"], first["cause"]) == ("accepted", "10", "MASTER", "")
    assert (second["verdict"], second["cause"]) == ("refused", "EAPI:Invalid nonce")
    row = bench.exchange.evidence.stats(list(bench.exchange.keys.values()))["keys"]["MASTER"]
    assert (row["accepted"], row["invalid_nonces"], row["highest_nonce"]) == (1, 1, 10)
