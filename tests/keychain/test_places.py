"""Environment, file, keyring and vault by reference; and the command that fills them. A55, A56, A57 for these paths."""

import io
import os
import stat
import sys
import traceback

import keyring
import keyring.backends.fail
import keyring.errors
import pytest
from keyring.backend import KeyringBackend

from krakenonce.cli import main
from krakenonce.errors import ConfigError, MissingExtra
from krakenonce.keychain import load_credentials, parse_reference
from krakenonce.kraken.credentials import Credentials
from krakenonce.simulator import Exchange, Settings

PASSPHRASE = "six small random words here"
MASTER, USER = Exchange(Settings(accounts=2)).accounts


class MemoryKeyring(KeyringBackend):
    """A keyring like the system's, in memory."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.kept = {}
        self.locked = False

    def _open(self):
        if self.locked:
            raise keyring.errors.KeyringLocked("the collection is locked")

    def get_password(self, service, username):
        self._open()
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self._open()
        self.kept[service, username] = password

    def delete_password(self, service, username):
        self._open()
        del self.kept[service, username]


class PlaintextKeyring(MemoryKeyring):
    """One that does not encrypt."""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("KRAKENONCE_VAULT", str(tmp_path / "vault.json"))
    monkeypatch.setenv("KRAKENONCE_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr("krakenonce.keychain.vault.Vault.__init__.__defaults__", (2**10,))
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    yield tmp_path
    keyring.set_keyring(before)


@pytest.fixture
def ring():
    made = MemoryKeyring()
    keyring.set_keyring(made)
    return made


def write(path, account, mode=0o600):
    path.write_text(f"{account.key}\n{account.secret}\n")
    path.chmod(mode)
    return f"file:{path}"


def test_the_environment(monkeypatch):
    monkeypatch.setenv("ALICE_KEY", USER.key)
    monkeypatch.setenv("ALICE_SECRET", f"{USER.secret}\n")
    assert load_credentials("env:ALICE") == Credentials(USER.key, USER.secret)
    with pytest.raises(ConfigError, match="BOB_KEY"):
        load_credentials("env:BOB")


def test_a_private_file(place):
    assert load_credentials(write(place / "key", USER)) == Credentials(USER.key, USER.secret)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o660])
def test_a_file_that_others_could_read_or_write_is_refused(place, mode):
    with pytest.raises(ConfigError, match=f"mode {mode:04o}.*chmod 600"):
        load_credentials(write(place / "key", USER, mode))


def test_a_file_of_somebody_else_is_refused(place, monkeypatch):
    reference = write(place / "key", USER)
    mine = os.stat(place / "key").st_uid
    monkeypatch.setattr("krakenonce.keychain.plain_file.os.geteuid", lambda: mine + 1000)
    monkeypatch.setattr(
        "krakenonce.keychain.plain_file.os.fstat",
        lambda _: os.stat_result((0o100600, 0, 0, 1, mine + 1, 0, 0, 0, 0, 0)),
    )
    with pytest.raises(ConfigError, match=f"belongs to user {mine + 1}"):
        load_credentials(reference)


@pytest.mark.parametrize("content", ["", "one line", "a\nb\nc", "key\nnot base64!", "\x00\xff"])
def test_a_file_of_another_form_is_refused(place, content):
    (place / "key").write_bytes(content.encode("latin-1"))
    (place / "key").chmod(0o600)
    with pytest.raises(ConfigError):
        load_credentials(f"file:{place / 'key'}")


def test_a_file_that_is_not_there_and_a_folder_are_refused(place):
    with pytest.raises(ConfigError, match="can't be read"):
        load_credentials(f"file:{place / 'nothing'}")
    with pytest.raises(ConfigError):
        load_credentials(f"file:{place}")


@pytest.mark.parametrize("text", ["", "alice", "env:", "vault: ", "valt:alice", "http://x", USER.secret, USER.key])
def test_what_is_no_reference_is_refused_and_never_repeated(text):
    with pytest.raises(ConfigError) as refused:
        parse_reference(text)
    assert not text.strip() or text not in str(refused.value) or len(text) < 10


def test_a_misspelt_kind_is_recognized():
    with pytest.raises(ConfigError, match="Did you mean vault:NAME"):
        parse_reference("valt:alice")


def feed(monkeypatch, account):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{account.key}\n{account.secret}\n"))


def add(monkeypatch, sim, account, *words):
    feed(monkeypatch, account)
    return main(["keys", "add", *words, "--url", sim.url])


@pytest.mark.parametrize("kind", ["vault", "keyring", "file"])
def test_what_was_added_is_found_checked_and_removed(kraken_sim, monkeypatch, capsys, place, ring, kind):
    user = kraken_sim.accounts[1]
    name = str(place / "alice.key") if kind == "file" else "alice"
    assert add(monkeypatch, kraken_sim, user, name, "--to", kind) == 0
    assert load_credentials(f"{kind}:{name}") == Credentials(user.key, user.secret)
    assert main(["keys", "check", f"{kind}:{name}"]) == 0
    assert main(["keys", "list"]) == 0
    out = capsys.readouterr().out
    assert user.key not in out
    assert user.secret not in out
    assert (f"{kind}:alice" in out) is (kind != "file")
    if kind == "file":
        assert stat.S_IMODE(os.stat(name).st_mode) == 0o600
        assert add(monkeypatch, kraken_sim, user, name, "--to", "file") == 2
    else:
        assert main(["keys", "remove", "alice", "--from", kind]) == 0
        with pytest.raises(ConfigError):
            load_credentials(f"{kind}:alice")


def test_a55_a_key_that_may_withdraw_is_not_kept(kraken_sim, monkeypatch, capsys, place):
    kraken_sim.exchange.account("USER:1").keys[0].permissions |= {"withdraw-funds"}
    assert add(monkeypatch, kraken_sim, kraken_sim.accounts[1], "alice") == 1
    assert "take 'Withdraw funds' away from it" in capsys.readouterr().err
    assert not (place / "vault.json").exists()


@pytest.mark.parametrize("kind", ["vault", "keyring"])
def test_a56_the_same_key_for_two_users_is_not_kept(kraken_sim, monkeypatch, capsys, ring, kind):
    assert add(monkeypatch, kraken_sim, kraken_sim.accounts[1], "alice", "--to", kind) == 0
    assert add(monkeypatch, kraken_sim, kraken_sim.accounts[1], "bob", "--to", "vault") == 2
    assert "the same as that of alice" in capsys.readouterr().err


def test_no_keyring_and_an_unencrypted_one_point_to_the_vault():
    with pytest.raises(ConfigError, match=r"none in this session.*--to vault"):
        load_credentials("keyring:alice")
    keyring.set_keyring(PlaintextKeyring())
    with pytest.raises(ConfigError, match=r"unencrypted.*--to vault"):
        load_credentials("keyring:alice")


def test_a_locked_keyring_is_an_error_without_secrets(ring, monkeypatch, kraken_sim):
    ring.locked = True
    with pytest.raises(ConfigError, match=r"does not answer \(KeyringLocked\)"):
        load_credentials("keyring:alice")


def test_a_keyring_entry_of_another_form_is_refused(ring):
    for text in ("", "{}", "3", "no json"):
        ring.kept["krakenonce", "alice"] = text
        with pytest.raises(ConfigError, match="did not write"):
            load_credentials("keyring:alice")


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtra, match=r"krakenonce\[keys\]"):
        load_credentials("keyring:alice")


def test_nobody_to_ask_for_the_passphrase(monkeypatch, capsys):
    monkeypatch.delenv("KRAKENONCE_PASSPHRASE")
    feed(monkeypatch, USER)
    assert main(["keys", "add", "alice", "--unchecked"]) == 2
    assert "Set KRAKENONCE_PASSPHRASE" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_at_a_terminal_everything_is_asked_without_echo(monkeypatch, capsys):
    answers = {
        "API key: ": USER.key, "Private key: ": USER.secret,
        "Passphrase of the new vault: ": PASSPHRASE, "The same again: ": PASSPHRASE,
    }  # fmt: skip
    monkeypatch.delenv("KRAKENONCE_PASSPHRASE")
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", answers.__getitem__)
    assert main(["keys", "add", "alice", "--unchecked"]) == 0
    answers["The same again: "] = "something else"
    assert load_credentials("vault:alice", lambda: PASSPHRASE).key == USER.key
    assert USER.secret not in capsys.readouterr().out


def test_no_secret_can_be_given_as_an_argument(capsys):
    with pytest.raises(SystemExit):
        main(["keys", "add", "alice", "--secret", "x"])
    with pytest.raises(SystemExit):
        main(["keys", "add", "alice", USER.key, USER.secret])


@pytest.mark.parametrize("lines", ["", "one", "a\nb\nc\n"])
def test_input_of_another_form_is_refused(monkeypatch, capsys, lines):
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    assert main(["keys", "add", "alice", "--unchecked"]) == 2
    assert "two lines" in capsys.readouterr().err


def test_a57_errors_of_every_place_show_shapes_only(place, ring, monkeypatch):
    ring.kept["krakenonce", "alice"] = f'{{"key": "{USER.key}"}}'
    monkeypatch.setenv("ALICE_KEY", USER.key)
    monkeypatch.setenv("ALICE_SECRET", f"{USER.secret}!")
    (place / "key").write_text(f"{USER.key}\n{USER.secret}\n{USER.secret}\n")
    (place / "key").chmod(0o600)
    texts = []
    for reference in ("env:ALICE", "keyring:alice", f"file:{place / 'key'}"):
        with pytest.raises(ConfigError) as refused:
            load_credentials(reference)
        texts += traceback.format_exception(refused.value)
    assert len(texts) > 3
    assert not any(part in "".join(texts) for part in (USER.key, USER.secret, USER.secret[:20]))
