"""The encrypted file: what a thief gets (nothing), what a forger gets (found out), and what its owner gets. A58."""

import base64
import json
import os
import select
import stat
import tempfile
import traceback
from contextlib import nullcontext

import pytest

from krakenonce.errors import ConfigError
from krakenonce.keychain import Vault
from krakenonce.keychain.private_files import write_private
from krakenonce.keychain.sealing import Stretching
from krakenonce.kraken.credentials import Credentials

PASSPHRASE = "six small random words here"
WORK = 2**10  # the tests' own: the default takes a third of a second each time


def made_up(seed):
    return Credentials(f"key{seed}" * 14, base64.b64encode(bytes([seed]) * 64).decode())


ALICE, BOB = made_up(1), made_up(2)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "vault.json"


@pytest.fixture
def vault(path):
    made = Vault(path, WORK)
    made.save("alice", ALICE, PASSPHRASE)
    made.save("bob", BOB, PASSPHRASE)
    return made


def rewrite(path, change):
    document = json.loads(path.read_text())
    change(document)
    write_private(path, json.dumps(document).encode(), replace=True)


def test_two_users_find_their_own_keys_again(vault, path):
    again = Vault(path)
    assert again.load("alice", PASSPHRASE) == ALICE
    assert again.load("bob", PASSPHRASE) == BOB
    assert again.names() == {"alice": ALICE.fingerprint, "bob": BOB.fingerprint}


def test_a58_a_stolen_directory_gives_no_key_away(vault, path):
    stolen = b"".join(file.read_bytes() for file in path.parent.rglob("*") if file.is_file())
    for credentials in (ALICE, BOB):
        for part in (credentials.key, credentials.secret):
            raw = part.encode()
            forms = (raw, raw[:12], base64.b64encode(raw)[:16], raw.hex().encode()[:16], base64.b64decode(raw)[:8])
            assert [form for form in forms if form in stolen] == []
    for guess in ("", "six small random words her", PASSPHRASE.upper(), PASSPHRASE + " "):
        with pytest.raises(ConfigError, match="does not open the vault"):
            Vault(path).load("alice", guess)


def test_a58_every_key_has_a_salt_of_its_own_and_equal_secrets_look_different(vault, path):
    vault.save("carol", Credentials(made_up(3).key, ALICE.secret), PASSPHRASE)
    entries = json.loads(path.read_text())["entries"]
    for field in ("salt", "nonce", "sealed"):
        assert len({entry[field] for entry in entries.values()}) == 3


def flip(text):
    return f"{int(text[0], 16) ^ 1:x}{text[1:]}"


@pytest.mark.parametrize("field", ["salt", "nonce", "sealed", "fingerprint"])
def test_a58_a_changed_entry_is_found_out(vault, path, field):
    def spoil(document):
        entry = document["entries"]["alice"]
        entry[field] = flip(entry[field])

    rewrite(path, spoil)
    with pytest.raises(ConfigError, match="seal is broken"):
        vault.load("alice", PASSPHRASE)
    assert vault.load("bob", PASSPHRASE) == BOB


def test_a58_keys_that_changed_places_are_found_out(vault, path):
    def swap(document):
        entries = document["entries"]
        entries["alice"], entries["bob"] = entries["bob"], entries["alice"]

    rewrite(path, swap)
    for name in ("alice", "bob"):
        with pytest.raises(ConfigError, match="seal is broken"):
            Vault(path).load(name, PASSPHRASE)


def test_a58_weakened_parameters_are_found_out(vault, path):
    rewrite(path, lambda document: document["stretching"].update(n=2))
    with pytest.raises(ConfigError, match="does not open"):
        Vault(path).save("carol", made_up(3), PASSPHRASE)


@pytest.mark.parametrize("change", [{"n": 2**30}, {"n": 1000}, {"r": 10**6}, {"p": 0}, {"salt": "00"}])
def test_parameters_that_would_eat_the_machine_are_refused(vault, path, change):
    rewrite(path, lambda document: document["stretching"].update(change))
    with pytest.raises(ConfigError, match="impossible scrypt"):
        Vault(path).load("alice", PASSPHRASE)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"krakenonce vault": 2}', b"[" * 100_000])
def test_a_file_that_is_no_vault_is_refused(path, content):
    write_private(path, content, replace=True)
    with pytest.raises(ConfigError, match="no vault"):
        Vault(path).names()


@pytest.mark.parametrize("entries", [None, [], {"alice": 3}, {"alice": {}}])
def test_a_vault_with_parts_missing_is_refused(vault, path, entries):
    rewrite(path, lambda document: document.update(entries=entries))
    with pytest.raises(ConfigError, match="parts missing"):
        vault.names()


def test_nobody_else_can_read_it_and_nothing_is_left_beside_it(vault, path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert set(os.listdir(path.parent)) == {"vault.json", ".vault.json.lock"}


def test_a_vault_that_others_can_read_is_refused(vault, path):
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="mode 0640"):
        vault.load("alice", PASSPHRASE)


def test_a_failed_write_leaves_the_old_file(vault, path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ConfigError, match="No space left"):
        vault.save("carol", made_up(3), PASSPHRASE)
    assert path.read_bytes() == before
    assert set(os.listdir(path.parent)) == {"vault.json", ".vault.json.lock"}


def test_the_same_key_or_name_twice_is_refused(vault):
    """A56."""
    with pytest.raises(ConfigError, match="the same as that of alice"):
        vault.save("mallory", ALICE, PASSPHRASE)
    with pytest.raises(ConfigError, match="knows already"):
        vault.save("alice", made_up(3), PASSPHRASE)


def test_another_passphrase_adds_nothing(vault, path):
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="does not open"):
        vault.save("carol", made_up(3), "another passphrase")
    assert path.read_bytes() == before


def test_a_short_passphrase_is_refused(path):
    with pytest.raises(ConfigError, match="11 characters"):
        Vault(path, WORK).save("alice", ALICE, "x" * 11)
    assert not path.exists()


def test_what_is_removed_is_gone(vault, path):
    vault.remove("alice")
    assert list(vault.names()) == ["bob"]
    with pytest.raises(ConfigError, match="does not know"):
        vault.load("alice", PASSPHRASE)
    with pytest.raises(ConfigError, match="does not know"):
        vault.remove("alice")
    assert json.loads(path.read_text())["entries"]["bob"]


def test_a57_no_error_shows_passphrase_or_key(vault, path):
    texts, wrong = [repr(vault)], "".join(["a wrong", " passphrase"])
    for action in (
        lambda: vault.load("alice", wrong),
        lambda: vault.save("alice", ALICE, PASSPHRASE),
        lambda: vault.save("eve", ALICE, PASSPHRASE),
        lambda: vault.load("nobody", PASSPHRASE),
    ):
        try:
            action()
        except ConfigError:
            texts.append(traceback.format_exc())
    assert len(texts) == 5
    text = "".join(texts)
    assert [part for part in (PASSPHRASE, wrong, ALICE.key, ALICE.secret) if part in text] == []


def test_the_passphrase_is_stretched_once_for_many_keys(vault, monkeypatch):
    calls = []
    stretch = Stretching.master
    monkeypatch.setattr(Stretching, "master", lambda self, text: calls.append(1) or stretch(self, text))
    for _ in range(20):
        assert vault.load("alice", PASSPHRASE) == ALICE
    assert calls == []
    with pytest.raises(ConfigError, match="does not open"):
        vault.load("alice", "a wrong passphrase")


def test_the_default_costs_a_thief_what_it_promises():
    assert Stretching.fresh().n >= 2**17
    assert Stretching.fresh().salt != Stretching.fresh().salt


def add_two_at_once(path, wait_s):
    """Let two processes add a key; the second begins when the first has read the file. Return if both read the same."""
    inside, told = os.pipe()
    wait, go = os.pipe()
    own = Vault._master

    def held_up(self, document, passphrase):
        os.write(told, b"x")
        os.read(wait, 1)
        return own(self, document, passphrase)

    def start(seed):
        child = os.fork()
        if child == 0:
            Vault._master = held_up
            Vault(path, WORK).save(f"user{seed}", made_up(seed), PASSPHRASE)
            os._exit(0)
        return child

    first = start(3)
    os.read(inside, 1)
    second = start(4)
    both = bool(select.select([inside], [], [], wait_s)[0])
    os.write(go, b"gg")
    assert [os.waitpid(child, 0)[1] for child in (first, second)] == [0, 0]
    for end in (inside, told, wait, go):
        os.close(end)
    return both


def test_two_programs_that_add_keys_at_the_same_time_lose_none(vault, path):
    assert not add_two_at_once(path, wait_s=0.3), "the second one waits outside"
    assert sorted(vault.names()) == ["alice", "bob", "user3", "user4"]


def test_without_the_lock_one_key_is_lost(vault, path, monkeypatch):
    """Positive control."""
    monkeypatch.setattr("krakenonce.keychain.vault.locked", lambda path: nullcontext())
    assert add_two_at_once(path, wait_s=60)
    assert len(vault.names()) == 3


def test_a_file_that_appears_meanwhile_is_not_written_over(tmp_path, monkeypatch):
    path = tmp_path / "key"
    make = tempfile.mkstemp

    def be_late(**options):
        path.write_text("somebody else's")
        return make(**options)

    monkeypatch.setattr(tempfile, "mkstemp", be_late)
    with pytest.raises(ConfigError, match="exists already"):
        write_private(path, b"mine", replace=False)
    assert path.read_text() == "somebody else's"
    assert list(tmp_path.iterdir()) == [path]
