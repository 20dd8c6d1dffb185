"""Who may come in: lockout, key, signature, nonce, rate, permission, in this order.

The order of Kraken's own checks is not published; this one lets a wrong signature neither learn nor use up anything.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

from krakenonce.clock import NS_PER_SECOND
from krakenonce.kraken.limits import rest_cost
from krakenonce.simulator.counters import RestCounters
from krakenonce.simulator.lockout import Lockout
from krakenonce.simulator.refusals import Refusal

if TYPE_CHECKING:
    from krakenonce.simulator.accounts import ApiKey
    from krakenonce.simulator.calls import Call
    from krakenonce.simulator.exchange import Exchange


class Gate:
    """Checks private calls. Belongs to the exchange's thread."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._rest = RestCounters(exchange.tier)
        self._lockout = Lockout(exchange.settings)

    def admit(self, call: Call, method: str, permissions: tuple[str, ...]) -> ApiKey:
        """Return the key that makes the call. Its nonce is used up once key, signature and nonce are right.

        Parameters:
            permissions: any one of these is enough; none at all is needed if it is empty.

        Raises:
            Refusal: with the first check that failed.
        """
        exchange = self._exchange
        self._lockout.check(call.api_key, call.address, exchange.now)
        key = self._identify(call)
        self._throttle(key)
        nonce_text = nonce_of(call)
        _check_signature(call, key, nonce_text)
        nonce = key.nonces.check(nonce_text)
        if exchange.settings.refused_consumes_nonce:
            key.nonces.accept(nonce)
        key.last_used_ns = exchange.now
        self._rest.charge(key.key, self._cost(call, method), exchange.now)
        if permissions and not any(key.may(permission) for permission in permissions):
            raise Refusal("EGeneral:Permission denied")
        return key

    def conclude(self, call: Call, key: ApiKey | None, error: str) -> None:
        """Note how the call ended, for the lockout and for exchanges on which only good calls use up a nonce."""
        self._lockout.note(call.api_key, call.address, error, self._exchange.now)
        if key is not None and not error and not self._exchange.settings.refused_consumes_nonce:
            key.nonces.accept(int(nonce_of(call)))

    def _identify(self, call: Call) -> ApiKey:
        key = self._exchange.keys.get(call.api_key)
        if key is None or not key.enabled:
            raise Refusal("EAPI:Invalid key")
        return key

    def _throttle(self, key: ApiKey) -> None:
        most = self._exchange.settings.throttle
        if most and self._exchange.evidence.record(key).in_flight > most:
            raise Refusal(f"EService: Throttled: {self._exchange.shown_ns // NS_PER_SECOND + 1}")

    @staticmethod
    def _cost(call: Call, method: str) -> int:
        by_client_id = method in ("OpenOrders", "ClosedOrders") and "cl_ord_id" in call.fields
        return rest_cost(method, by_client_id=by_client_id)


def nonce_of(call: Call) -> str:
    """Return the nonce's text as it stands in the body.

    Raises:
        Refusal: ``EAPI:Invalid nonce``: there is none.
    """
    nonce = call.fields.get("nonce")
    if isinstance(nonce, int) and not isinstance(nonce, bool):
        return str(nonce)
    if isinstance(nonce, str) and nonce:
        return nonce
    raise Refusal("EAPI:Invalid nonce")


def _check_signature(call: Call, key: ApiKey, nonce: str) -> None:
    # Written out here, and not taken from kraken/signing: what judges a signature must not share its maker's mistakes.
    digest = hashlib.sha256(nonce.encode("utf-8", "surrogatepass") + call.body).digest()
    message = call.path.encode("utf-8", "surrogatepass") + digest
    expected = base64.b64encode(hmac.digest(key.secret_bytes, message, "sha512"))
    if not hmac.compare_digest(expected, call.api_sign.encode("utf-8", "surrogatepass")):
        raise Refusal("EAPI:Invalid signature")
