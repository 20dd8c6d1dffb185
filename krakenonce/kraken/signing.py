"""The API-Sign header: a pure function of path, nonce, body and private key."""

from __future__ import annotations

import base64
import hashlib
import hmac

from krakenonce.kraken.credentials import decode_secret


def sign(path: str, nonce: str, body: bytes, secret: str) -> str:
    """Return the API-Sign header of one private REST request.

    The signature covers the exact bytes that are sent, whether form or JSON
    (https://docs.kraken.com/api/docs/guides/spot-rest-auth).

    Parameters:
        path: the URI path from ``/0/private/`` on, without host or query.
        nonce: the decimal digits that also stand in the body.
        body: the raw POST body.
        secret: the private key, base64.

    Raises:
        ConfigError: the private key is no base64.
    """
    return sign_with(decode_secret(secret), path, nonce, body)


def sign_with(secret: bytes, path: str, nonce: str, body: bytes) -> str:
    """Return the API-Sign header, given the decoded private key. For callers that sign often with one key."""
    digest = hashlib.sha256(nonce.encode() + body).digest()
    return base64.b64encode(hmac.digest(secret, path.encode() + digest, "sha512")).decode()
