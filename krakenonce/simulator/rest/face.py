"""From a call to its reply, in one step without waiting: this is what makes the exchange testable without sockets."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from krakenonce.simulator.calls import Call, Reply, error_reply, read_body, read_query, result_reply
from krakenonce.simulator.evidence import Entry
from krakenonce.simulator.gate import Gate
from krakenonce.simulator.refusals import Refusal, unknown_method
from krakenonce.simulator.rest.account import Caller
from krakenonce.simulator.rest.arguments import Arguments
from krakenonce.simulator.rest.routing import PRIVATE, PUBLIC

if TYPE_CHECKING:
    from krakenonce.simulator.accounts import ApiKey
    from krakenonce.simulator.exchange import Exchange

PUBLIC_PATH, PRIVATE_PATH = "/0/public/", "/0/private/"
logger = logging.getLogger("krakenonce.simulator")


class RestFace:
    """Answers REST calls. Belongs to the exchange's thread.

    Whatever a client sends, it gets a reply and never a traceback. Should the simulator itself fail, the client sees
    ``EGeneral:Internal error`` and the evidence keeps the cause.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._gate = Gate(exchange)

    def answer(self, call: Call, arrival: int, fault: str = "", stale_ns: int = 0) -> Reply:
        """Let the exchange judge and execute *call*, and note it in the evidence.

        Parameters:
            arrival: its place in the order of arrival; fault: what is done to the answer, for the record;
            stale_ns: how old the state is that reads show.
        """
        self._exchange.advance()
        if call.path.startswith(PRIVATE_PATH):
            return self._private(call, arrival, fault, stale_ns)
        reply = self._guarded(call.path, lambda: self._public(call))
        self._note(call, arrival, None, "refused" if reply.error else "accepted", reply.error, fault)
        return reply

    def lose(self, call: Call, arrival: int, fault: str) -> None:
        """Note a call that a fault kept from the exchange."""
        key = self._exchange.keys.get(call.api_key)
        self._note(call, arrival, key, "lost", "", fault)

    def _public(self, call: Call) -> Any:
        answer = PUBLIC.get(call.path.removeprefix(PUBLIC_PATH))
        if answer is None or not call.path.startswith(PUBLIC_PATH) or call.verb not in ("GET", "HEAD"):
            raise unknown_method()
        return answer(self._exchange, Arguments(read_query(call.query)))

    def _private(self, call: Call, arrival: int, fault: str, stale_ns: int) -> Reply:
        call = replace(call, fields=read_body(call.content_type, call.body))
        reply = self._guarded(call.path, lambda: self._execute(call, stale_ns))
        key = self._exchange.keys.get(call.api_key)
        self._gate.conclude(call, key, reply.error)
        self._note(call, arrival, key, "refused" if reply.error else "accepted", reply.error, fault)
        return reply

    def _execute(self, call: Call, stale_ns: int) -> Any:
        name = call.path.removeprefix(PRIVATE_PATH)
        method = PRIVATE.get(name)
        if method is None:
            raise unknown_method()
        key = self._gate.admit(call, name, method.permissions)
        if self._exchange.market_state == "maintenance":
            raise Refusal("EService:Unavailable")
        caller = Caller(self._exchange, key, call.arrived_ns, self._exchange.now - stale_ns)
        return method.answer(caller, Arguments(call.fields))

    def _guarded(self, path: str, work: Callable[[], Any]) -> Reply:
        try:
            return result_reply(work())
        except Refusal as refusal:
            return error_reply(refusal)
        except Exception as error:
            logger.exception("the simulated exchange failed on %s", path)
            self._exchange.evidence.crashes.append(f"{path}: {error!r}")
            return error_reply(Refusal("EGeneral:Internal error"))

    def _note(self, call: Call, arrival: int, key: ApiKey | None, verdict: str, cause: str, fault: str) -> None:
        nonce = call.fields.get("nonce")
        entry = Entry(
            arrival,
            key.account.name if key is not None else "",
            key.fingerprint if key is not None else "",
            call.path.rpartition("/")[2][:64],
            str(nonce)[:20] if isinstance(nonce, str | int) else "",
            verdict,
            cause,
            fault,
        )
        self._exchange.evidence.write(entry, key)
