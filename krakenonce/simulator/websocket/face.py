"""From a frame to its replies, in one step without waiting, so that it can be tested without sockets."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from krakenonce.simulator.evidence import Entry
from krakenonce.simulator.faults import STREAM_KINDS
from krakenonce.simulator.refusals import Refusal
from krakenonce.simulator.rest.account import Caller
from krakenonce.simulator.websocket.frames import dump, stamp
from krakenonce.simulator.websocket.hub import Hub
from krakenonce.simulator.websocket.params import Params, wrong_type
from krakenonce.simulator.websocket.session import Session
from krakenonce.simulator.websocket.subscribing import Ack, Subscribing, SubscriptionRefused
from krakenonce.simulator.websocket.trading import METHODS

if TYPE_CHECKING:
    from krakenonce.simulator.accounts import ApiKey
    from krakenonce.simulator.exchange import Exchange
    from krakenonce.simulator.faults import Fault

logger = logging.getLogger("krakenonce.simulator")
_ENVELOPE = frozenset({"method", "params", "req_id"})
_REQUEST_KINDS = ("delay", "error", *STREAM_KINDS)


@dataclass(slots=True, eq=False)
class Request:
    """One frame as it came: what it asks for, or in *error* why it can't be read."""

    session: Session
    arrived_ns: int
    arrival: int
    method: str = ""
    req_id: int | None = None
    document: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    faults: list[Fault] = field(default_factory=list)

    @property
    def delay_s(self) -> float:
        """How much later than usual it gets to the exchange."""
        late = (fault.ms for fault in self.faults if fault.kind in ("delay", "ws-delay") and fault.phase == "before")
        return sum(late) / 1000

    @property
    def is_lost(self) -> bool:
        """Whether it never gets there."""
        return any(fault.phase == "before" and fault.kind in ("ws-drop", "ws-disconnect") for fault in self.faults)

    def spoiled(self, phase: str) -> str:
        """Return the error that a fault of this *phase* puts in the place of the answer; empty if none does."""
        errors = (fault.error for fault in self.faults if fault.kind == "error" and fault.phase == phase)
        return next(errors, "")


class WebSocketFace:
    """Answers frames. Belongs to the exchange's thread.

    Whatever a client sends, it gets a reply and never a traceback. Should the simulator itself fail, the client sees
    ``EGeneral:Internal error`` and the evidence keeps the cause.

    Parameters:
        on_unrest: called when markets have changed; then ``settle()`` is to be called soon.
    """

    def __init__(self, exchange: Exchange, on_unrest: Callable[[], None] = lambda: None) -> None:
        self._exchange = exchange
        self.hub = Hub(exchange, on_unrest)
        self._subscribing = Subscribing(exchange, self.hub)

    def connect(self, wake: Callable[[], None] = lambda: None) -> Session:
        """Begin a session; *wake* is called whenever its outbox has something in it."""
        self._exchange.advance()
        session = Session(self._exchange.mint.connection(), self._exchange.now, wake)
        self.hub.open(session)
        return session

    def disconnect(self, session: Session) -> None:
        """End a session. Requests of it that have arrived are still executed."""
        self.hub.board.leave(session)

    def settle(self) -> None:
        """Write the frames about markets that have changed."""
        self.hub.settle()

    def receive(self, session: Session, frame: str | bytes) -> None:
        """Let a frame arrive and be executed at once."""
        self.execute(self.arrive(session, frame))
        self.settle()

    def arrive(self, session: Session, frame: str | bytes) -> Request:
        """Read a frame and draw what will go wrong with it."""
        self._exchange.tick()
        now_ns = self._exchange.advance()
        request = Request(session, self._exchange.shown_ns, self._exchange.evidence.arrive(None))
        session.last_in_ns = now_ns
        _read(request, frame)
        if not session.may_speak(self._exchange.settings.ws_message_rate, now_ns):
            request.error = "Exceeded msg rate"
        if self._exchange.faults.rules:
            request.faults = self._exchange.faults.draw(request.method, self._name(request), _REQUEST_KINDS)
        return request

    def execute(self, request: Request) -> None:
        """Let the exchange judge and execute a request; the replies go to its session.

        What earlier requests have done to markets is told first, so the order of frames does not depend on how many
        requests come at once.
        """
        self._exchange.advance()
        self.settle()
        if request.is_lost:
            self._note(request, "lost", "")
            if any(fault.kind == "ws-disconnect" for fault in request.faults):
                self.hub.board.deliver(request.session, "", request.faults)
            return
        errors = [self._reply(request, answer) for answer in self._guarded(request)]
        self._note(request, "refused" if any(errors) else "accepted", next(filter(None, errors), ""))

    def _guarded(self, request: Request) -> Iterator[Any]:
        try:
            yield from self._answers(request)
        except Refusal as refusal:
            yield refusal
        except Exception as error:
            logger.exception("the simulated exchange failed on %s", request.method)
            self._exchange.evidence.crashes.append(f"{request.method}: {error!r}")
            yield Refusal("EGeneral:Internal error")

    def _answers(self, request: Request) -> Iterator[Any]:
        wrong = request.error or request.spoiled("before")
        if wrong:
            raise Refusal(wrong)
        kind = request.method.replace("_", " ")
        Params(request.document, kind).only(_ENVELOPE - {"params"} if request.method == "ping" else _ENVELOPE)
        fields = request.document.get("params", {})
        if not isinstance(fields, dict):
            raise wrong_type("params", "object")
        params = Params(fields, kind)
        if request.method == "ping":
            yield None
        elif request.method == "subscribe":
            yield from self._subscribing.subscribe(request.session, params)
        elif request.method == "unsubscribe":
            yield from self._subscribing.unsubscribe(request.session, params)
        else:
            yield from self._trade(request, params)

    def _trade(self, request: Request, params: Params) -> Iterator[Any]:
        method = METHODS.get(request.method)
        if method is None:
            raise Refusal("Unsupported event")
        params.only(method.fields | {"token"})
        token = self._exchange.tokens.find(params.raw("token"), self._exchange.now)
        if not any(token.key.may(permission) for permission in method.permissions):
            raise Refusal("EGeneral:Permission denied")
        if self._exchange.market_state == "maintenance":
            raise Refusal("EService:Unavailable")
        request.session.account = token.account.name
        yield from method.answer(Caller(self._exchange, token.key, request.arrived_ns, self._exchange.now), params)

    def _reply(self, request: Request, answer: Any) -> str:
        """Send one answer and return its error, or empty text."""
        spoiled = request.spoiled("after")
        answer = Refusal(spoiled) if spoiled else answer
        error = answer.error if isinstance(answer, Refusal | Ack) else ""
        frame = _pong(request) if answer is None else _envelope(request, answer, error)
        frame["time_in"], frame["time_out"] = stamp(request.arrived_ns), stamp(self._exchange.shown_ns)
        faults = [fault for fault in request.faults if fault.phase == "after" or fault.kind == "ws-twice"]
        self.hub.board.deliver(request.session, dump(frame), faults)
        return error

    def _name(self, request: Request) -> str:
        key = self._key(request)
        return key.account.name if key is not None else request.session.account

    def _key(self, request: Request) -> ApiKey | None:
        params = request.document.get("params")
        if not isinstance(params, dict):
            return None
        try:
            return self._exchange.tokens.find(params.get("token"), self._exchange.now).key
        except Refusal:
            return None

    def _note(self, request: Request, verdict: str, cause: str) -> None:
        """Keep a record of requests that a key has made, or tried to make."""
        key = self._key(request)
        if key is None and request.method not in METHODS:
            return
        name, mark = (key.account.name, key.fingerprint) if key is not None else ("", "")
        label = " + ".join(fault.label for fault in request.faults)
        self._exchange.evidence.write(
            Entry(request.arrival, name, mark, request.method[:64], "", verdict, cause, label), key
        )


def _read(request: Request, frame: str | bytes) -> None:
    """Fill in what *frame* says, or why it says nothing."""
    try:
        document = json.loads(frame, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError, ArithmeticError):
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("method"), str):
        request.method, request.error = "error", "Malformed request"
        return
    request.method, request.document = document["method"], document
    req_id = document.get("req_id", 0)
    if isinstance(req_id, bool) or not isinstance(req_id, int) or not 0 <= req_id < 2**63:
        request.error = wrong_type("req_id", "integer").error
    elif "req_id" in document:
        request.req_id = req_id


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _pong(request: Request) -> dict[str, Any]:
    return {"method": "pong"} | _req_id(request)


def _req_id(request: Request) -> dict[str, Any]:
    return {} if request.req_id is None else {"req_id": request.req_id}


def _envelope(request: Request, answer: Any, error: str) -> dict[str, Any]:
    """Return a reply without its times."""
    if not error:
        result = answer.result if isinstance(answer, Ack) else answer
        return {"method": request.method} | _req_id(request) | {"result": result, "success": True}
    frame: dict[str, Any] = {"error": error, "method": request.method[:64]} | _req_id(request) | {"success": False}
    if isinstance(answer, SubscriptionRefused):
        return {"channel": answer.channel} | frame | {"status": "error"}
    return frame | (answer.about if isinstance(answer, Ack) else {})
