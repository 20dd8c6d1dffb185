"""krakenex: ``krakenex.API`` (https://github.com/veox/python3-krakenex). Synchronous; used from threads."""

from __future__ import annotations

from functools import wraps
from typing import Any

from krakenonce.adapters.installation import Installation
from krakenonce.adapters.libraries import Hooks, has_class, key_if_complete
from krakenonce.refusals.healing import PROBE

SUPPORTED = "krakenex.API"


def find(client: Any) -> Any | None:
    """Return *client* if it is a ``krakenex.API``."""
    return client if has_class(client, "krakenex.api.API") else None


def key(client: Any) -> str:
    """Return the key that ``API(key=...)`` or ``load_key`` set."""
    return key_if_complete(client.key, client.secret)


def base_url(client: Any) -> str:
    """Return ``API.uri``."""
    return str(client.uri)


def hooks(client: Any, installation: Installation) -> Hooks:
    """Bring ``query_private`` into its turn, and let ``_nonce`` take the turn's nonce."""
    send = client.query_private

    @wraps(send)
    def query_private(method: str, data: Any = None, *args: Any, **kwargs: Any) -> Any:
        installation.guard(client.session)
        # krakenex writes the nonce into the caller's dict: of a dict that several accounts' calls share, it would
        # sign one nonce and send another.
        own = None if data is None else dict(data)
        return installation.run(method, lambda: send(method, own, *args, **kwargs), lambda: send(PROBE), own)

    return {"query_private": query_private, "_nonce": installation.nonce}
