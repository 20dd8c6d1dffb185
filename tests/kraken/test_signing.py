"""Signing is pinned to the vector in Kraken's authentication guide."""

import pytest

from krakenonce.errors import ConfigError
from krakenonce.kraken.credentials import Credentials, fingerprint
from krakenonce.kraken.signing import sign

SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
NONCE = "1616492376594"
BODY = b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
SIGNATURE = "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="


def test_the_official_vector_is_reproduced():
    assert sign("/0/private/AddOrder", NONCE, BODY, SECRET) == SIGNATURE


@pytest.mark.parametrize(
    ("path", "nonce", "body"),
    [
        ("/0/private/addorder", NONCE, BODY),
        ("/0/private/AddOrder", "1616492376595", BODY),
        ("/0/private/AddOrder", NONCE, BODY + b"0"),
    ],
    ids=["path", "nonce", "body"],
)
def test_every_part_counts(path, nonce, body):
    assert sign(path, nonce, body, SECRET) != SIGNATURE


def test_credentials_never_print_what_they_hold():
    credentials = Credentials("my-public-key", SECRET)
    for text in (repr(credentials), str(credentials), f"{credentials}", f"{[credentials]}"):
        assert "my-public-key" not in text
        assert SECRET[:8] not in text
        assert fingerprint("my-public-key") in text


@pytest.mark.parametrize(
    ("key", "secret", "field"),
    [
        ("", SECRET, "key"),
        ("k ", SECRET, "key"),
        ("k", "", "secret"),
        ("k", "not base64!", "secret"),
        (3, SECRET, "key"),
    ],
)
def test_bad_credentials_name_the_field_and_not_the_value(key, secret, field):
    with pytest.raises(ConfigError) as caught:
        Credentials(key, secret)
    assert caught.value.field == field
    assert "not base64!" not in str(caught.value)
