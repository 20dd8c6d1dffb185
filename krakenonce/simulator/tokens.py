"""WebSocket tokens: fetched over REST, to be used within 15 minutes, alive as long as a private subscription is up.

https://docs.kraken.com/api/docs/guides/spot-ws-auth
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from krakenonce.simulator.refusals import Refusal

if TYPE_CHECKING:
    from krakenonce.simulator.accounts import Account, ApiKey
    from krakenonce.simulator.identifiers import Mint


@dataclass(slots=True, eq=False)
class Token:
    """A session of one key. *users* counts the private subscriptions that keep it alive."""

    key: ApiKey
    expires_ns: int
    users: int = 0

    @property
    def account(self) -> Account:
        """Whose session it is."""
        return self.key.account


class Tokens:
    """Every token that was given out. Belongs to the exchange's thread."""

    def __init__(self, mint: Mint, life_ns: int) -> None:
        self._mint, self.life_ns = mint, life_ns
        self._tokens: dict[str, Token] = {}

    def issue(self, key: ApiKey, now_ns: int) -> str:
        """Return a new token for *key*."""
        self._sweep(now_ns)
        text = self._mint.token()
        self._tokens[text] = Token(key, now_ns + self.life_ns)
        return text

    def find(self, text: object, now_ns: int) -> Token:
        """Return the token *text*.

        Raises:
            Refusal: ``ESession:Invalid session``: it is unknown, too old, or its key was disabled.
        """
        token = self._tokens.get(text) if isinstance(text, str) else None
        if token is None or not token.key.enabled or self._is_stale(token, now_ns):
            raise Refusal("ESession:Invalid session")
        return token

    @staticmethod
    def _is_stale(token: Token, now_ns: int) -> bool:
        return token.users == 0 and now_ns > token.expires_ns

    def _sweep(self, now_ns: int) -> None:
        if len(self._tokens) & (len(self._tokens) - 1) == 0:
            self._tokens = {text: token for text, token in self._tokens.items() if not self._is_stale(token, now_ns)}
