"""Users come and go in a file, and nothing else in it is touched."""

import pathlib
import stat
import tomllib

import pytest

from krakenonce.copytrader.config import BadConfig, load_settings
from krakenonce.copytrader.config.editing import add_user, change_key, remove_user, write_config
from krakenonce.errors import ConfigError
from krakenonce.keychain import Reference

TEXT = """\
# who is copied
[master]
key = "vault:master"   # reads only

# Alice came first.
# She is careful.
[users.alice]
key = 'vault:alice' # hers

[users.alice.guards]
max_order = 100.50

# Bob has no limits.
[users.bob]
key = "vault:bob"

[[webhooks]]
# the team's channel
url = "https://example.com/x"

[users.alice.mapping]
"BTC/USD" = "BTC/EUR"
"""


def test_a_user_is_added_at_the_end():
    text = add_user(TEXT, "carol", Reference("vault", "carol"), ("MASTER",))
    assert text.startswith(TEXT)
    assert text.endswith('\n\n[users.carol]\nkey = "vault:carol"\nmasters = ["MASTER"]\n')
    assert set(tomllib.loads(text)["users"]) == {"alice", "bob", "carol"}


def test_a_user_is_removed_with_all_his_tables_and_comments():
    text = remove_user(TEXT, "alice")
    assert text == (
        '# who is copied\n[master]\nkey = "vault:master"   # reads only\n\n# Bob has no limits.\n[users.bob]\n'
        'key = "vault:bob"\n\n[[webhooks]]\n# the team\'s channel\nurl = "https://example.com/x"\n'
    )


def test_the_others_comments_stay():
    text = remove_user(TEXT, "bob")
    assert "Bob" not in text
    assert "# She is careful.\n[users.alice]" in text
    assert "the team's channel" in text


def test_adding_and_removing_is_nothing():
    assert remove_user(add_user(TEXT, "carol", Reference("env", "CAROL")), "carol") == TEXT


def test_a_key_is_changed_in_its_place():
    text = change_key(TEXT, "alice", Reference("file", "/keys/alice 2"))
    assert text == TEXT.replace("'vault:alice'", '"file:/keys/alice 2"')


@pytest.mark.parametrize(
    "text",
    [
        '[master]\nkey = "env:M"\n[users]\nalice = { key = "env:A" }\nbob.key = "env:B"\n',
        'users.alice.key = "env:A"\nusers.bob.key = "env:B"\n[master]\nkey = "env:M"\n',
    ],
)
def test_who_has_no_table_is_left_to_the_owner(text):
    with pytest.raises(ConfigError, match="has no table of his own"):
        remove_user(text, "alice")
    assert change_key(text, "alice", Reference("env", "C")) == text.replace('"env:A"', '"env:C"')


@pytest.mark.parametrize(
    "edit",
    [
        lambda: add_user(TEXT, "alice", Reference("env", "A")),
        lambda: remove_user(TEXT, "carol"),
        lambda: change_key(TEXT, "carol", Reference("env", "A")),
    ],
)
def test_strangers_and_doubles_are_told(edit):
    with pytest.raises(ConfigError):
        edit()


def test_only_a_right_file_is_written(tmp_path):
    file = tmp_path / "copy.toml"
    file.write_text(TEXT)
    file.chmod(0o640)
    with pytest.raises(BadConfig, match="the same as that of USER:bob"):
        write_config(file, add_user(TEXT, "carol", Reference("vault", "bob")), {})
    assert file.read_text() == TEXT
    write_config(file, remove_user(TEXT, "alice"), {})
    assert set(load_settings(file, {}).users) == {"USER:bob"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_to_a_file_stays_a_link(tmp_path):
    (tmp_path / "real.toml").write_text(TEXT)
    link = tmp_path / "copy.toml"
    link.symlink_to(tmp_path / "real.toml")
    write_config(link, remove_user(TEXT, "bob"), {})
    assert link.is_symlink()
    assert "bob" not in pathlib.Path(link).read_text()
