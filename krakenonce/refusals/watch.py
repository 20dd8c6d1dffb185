"""Whoever looks after one key: notes its flights, keeps its quarantine, tells the store what others must know."""

from __future__ import annotations

import logging
import os
from email.utils import parsedate_to_datetime

from krakenonce.clock import NS_PER_SECOND, Clock, rfc3339
from krakenonce.kraken.replies import Outcome
from krakenonce.nonce import Unit
from krakenonce.refusals.answers import Answer, read_answer, verdict_of
from krakenonce.refusals.causes import Diagnosis
from krakenonce.refusals.diagnosis import Evidence, diagnose
from krakenonce.refusals.firewall import Firewall, State
from krakenonce.refusals.incident import Incident
from krakenonce.refusals.memory import Memory
from krakenonce.refusals.recorder import Flight, FlightRecorder
from krakenonce.refusals.standing import (
    CREDENTIAL_SPANS,
    LOCKOUT_SPAN,
    NONCE_SPANS,
)
from krakenonce.refusals.story import trail_of
from krakenonce.stores.base import Grant, Store

log = logging.getLogger("krakenonce")


class Watch:
    """One lane's memory of itself. Made at its first nonce. Used by the holder of the lane; `check` by anybody.

    It is the `Ward` of `krakenonce.refusals.healing.conversation`.

    Parameters:
        key: the lane's name.
        store: where everybody who shares the key looks.
        clock: where time is read.
        firewall: told of lockouts, and of what gets through.

    Attributes:
        has_worked: True once the exchange has accepted a nonce of the key in this process.
    """

    __slots__ = (
        "_clock", "_consent", "_date_ns", "_firewall", "_grant", "_incident", "_is_probe", "_memory", "has_worked",
        "key", "recorder",
    )  # fmt: skip

    def __init__(self, key: str, store: Store, clock: Clock, firewall: Firewall) -> None:
        self.key, self._clock, self._firewall = key, clock, firewall
        self._memory = Memory(key, store, clock)
        self.recorder = FlightRecorder()
        self._consent: Unit | None = None
        self._grant: Grant | None = None
        self._date_ns: int | None = None
        self.has_worked = False
        self._is_probe = False
        self._incident: Incident | None = None

    @property
    def account(self) -> str:
        """Whose key it is, for messages; empty if nobody said."""
        return self._memory.account

    @account.setter
    def account(self, account: str) -> None:
        self._memory.account = account

    @property
    def consent(self) -> Unit | None:
        """The unit that the operator allows the key to be raised to, if any: in this process, else in the store."""
        return self._consent or self._memory.consent

    @consent.setter
    def consent(self, unit: Unit | None) -> None:
        self._consent = unit

    # What the turn notes.

    def issued(self, nonce: int, boot_ns: int, grant: Grant) -> None:
        """Note that *nonce* was issued under *grant*."""
        self._grant = grant
        self._date_ns = None
        self.recorder.issued(nonce, boot_ns, os.getpid())

    def sent(self, connection: int) -> None:
        """Note that the request is being handed to the network, from a local port if that is known."""
        self.recorder.sent(self._clock.boot_ns(), connection)

    def left_by(self, connection: int) -> None:
        """Note the local port that the request went out from."""
        self.recorder.left_by(connection)

    def dated(self, text: str) -> None:
        """Note the ``Date`` header of the answer. What is no date is no evidence."""
        try:
            self._date_ns = int(parsedate_to_datetime(text).timestamp()) * NS_PER_SECOND
        except (ValueError, TypeError, OverflowError, OSError, IndexError):
            self._date_ns = None

    def answered(self, outcome: Outcome) -> None:
        """Note how a request ended, and draw the consequences for the key."""
        self.recorder.answered(self._clock.boot_ns(), verdict_of(outcome))
        answer = read_answer(outcome)
        if self._incident is not None:
            self._incident.add(outcome, self.refused_nonce, is_probe=self._is_probe)
        if answer is Answer.PASSED:
            self._passed()
        elif answer is Answer.NONCE:
            self._refused()
        elif answer is Answer.LOCKOUT:
            self._open(LOCKOUT_SPAN, "Kraken answered with a temporary lockout")
            self._firewall.locked_out(self.key)
        elif answer is Answer.CREDENTIALS:
            self._distrust(str(getattr(outcome, "error", "")))

    def over(self) -> None:
        """Note that the turn is over: what was not concluded in it never will be."""
        self._incident = None

    # What admits a turn.

    def check(self) -> bool:
        """Return True if the key is on trial, so that a probe must come first.

        Raises:
            LaneQuarantined: nothing may be sent now.
        """
        standing = self._memory.look()
        if self._memory.rest_ns:
            raise self._memory.quarantined()
        return standing.is_open

    def lift(self) -> None:
        """End the quarantine now: the operator has mended what was wrong. The budget of refusals stays."""
        self._memory.forget_own()
        self._memory.add("lifted", text="lifted by the operator")

    # The Ward of a conversation.

    @property
    def refused_nonce(self) -> int:
        """The nonce that was refused last."""
        last = self.recorder.last
        return last.nonce if last is not None else 0

    def begins(self, *, is_probe: bool) -> None:
        """Take in that the next request is a probe, or the caller's own."""
        self._is_probe = is_probe

    def diagnose(self) -> Diagnosis:
        """Return why the incident's first request was refused, by what is known so far."""
        if self._incident is None:
            self._incident = self._new_incident()
        return diagnose(self._evidence(self._incident))

    def may_risk(self) -> bool:
        """Return True if the budget leaves room for one more refusal."""
        return not self._memory.look().budget_end(self._clock.wall_ns())

    def time_ns(self) -> int:
        """Return the better of two clocks: the exchange's date if ours is behind it."""
        return max(self._clock.wall_ns(), self._date_ns or 0)

    def judge_trial(self, outcome: Outcome) -> None:
        """Raise `LaneQuarantined` unless the probe was accepted."""
        if read_answer(outcome) is Answer.PASSED:
            return
        if read_answer(outcome) is Answer.NONCE:
            # A single refused probe proves less than what was found out when the quarantine began.
            standing = self._memory.standing
            why = self.diagnose().message if self.has_worked else standing.reason
            self._open(standing.next_span(NONCE_SPANS), why)
        self._incident = None
        raise self._memory.quarantined("the probe was not accepted")

    def conclude(self, answer: Answer) -> str:
        """Tell the story of the incident in one line; quarantine the key if its nonces still do not pass."""
        found, incident, self._incident = self.diagnose(), self._incident, None
        text = found.message
        if answer is Answer.NONCE:
            self._open(self._memory.standing.next_span(NONCE_SPANS), text)
            return text
        if answer is Answer.PASSED and incident is not None:
            text = f"{text} Healed: {incident.lead(self.refused_nonce)}"
            self._memory.add("healed", nonce=self.refused_nonce, cause=found.cause, text=text)
        log.warning("a nonce of key %s was refused: %s", self._memory.name, text)
        return text

    # Within.

    def _new_incident(self) -> Incident:
        # What is tried next has another grant, and another end of it.
        return Incident(self.recorder.last or Flight(0), self._grant.until_boot_ns if self._grant is not None else None)

    def _evidence(self, incident: Incident) -> Evidence:
        boot = self._clock.boot_ns()
        return Evidence(
            refused=incident.first,
            flights=self.recorder.flights(),
            wall_offset=self._clock.wall_ns() - boot,
            date_ns=self._date_ns,
            grant_end=incident.grant_end,
            has_worked=self.has_worked,
            key_nonce=incident.key_nonce,
            key_window=incident.key_window,
            attempts=tuple(incident.attempts),
        )

    def _refused(self) -> None:
        evidence = self._evidence(self._incident or self._new_incident())
        found, trail = diagnose(evidence), trail_of(evidence.flights, evidence.wall_offset)
        self._memory.add("refused", nonce=self.refused_nonce, cause=found.cause, text=found.message, trail=trail)

    def _passed(self) -> None:
        self.has_worked = True
        if self._firewall.state is not State.CALM:
            self._firewall.passed(self.key, self.recorder.last.issued_ns if self.recorder.last else 0)
        if self._memory.standing.is_open:
            self._memory.forget_own()
            self._memory.add("closed", text="a request was accepted again")
            log.warning("key %s goes on: a request was accepted again", self._memory.name)

    def _distrust(self, error: str) -> None:
        span = self._memory.standing.next_span(CREDENTIAL_SPANS)
        text = f"Kraken answered {error}. Check key and private key; if the key is new, it may take a minute to spread"
        # Another process may have the right private key: only this one stays away.
        self._open(span, text, shared=error.startswith("EAPI:Invalid key"))

    def _open(self, span_ns: int, reason: str, *, shared: bool = True) -> None:
        until = self._clock.wall_ns() + span_ns
        self._memory.add("opened", text=reason, until_ns=until, shared=shared)
        log.warning("key %s sends nothing until %s: %s", self._memory.name, rfc3339(until), reason)
