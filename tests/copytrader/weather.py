"""What goes wrong during a day of the copy trader: rules for the simulated exchange, and what it is told to do."""

from krakenonce.simulator.faults import Fault

ORDERS, NEWS = "add_order|AddOrder", "executions|balances"
READS = "TradesHistory|OpenOrders|ClosedOrders|QueryOrders|BalanceEx"
PASSING = (
    "EOrder:Rate limit exceeded",
    "EAPI:Rate limit exceeded",
    "EService:Market in cancel_only mode",
    "EGeneral:Too many requests",
)
"""Refused for a reason that passes: nothing has happened, and it may be tried again."""
SILENT = ("EService:Unavailable", "EService:Busy", "EGeneral:Internal error")
"""Errors that say nothing about what has happened."""
FINAL = "EOrder:Insufficient funds"
CLOSED = ("maintenance", "cancel_only", "post_only", "limit_only")


def everything(share, unlucky=""):
    """Return every fault there is, each for a *share* of what it can strike.

    Parameters:
        unlucky: the accounts, as a pattern, that have orders refused for good besides.
    """
    rules = [*_stream(share), *_orders(share), *_answers(share), *_reads(share)]
    if unlucky:
        rules.append(Fault(kind="error", endpoint=ORDERS, error=FINAL, rate=share, account=unlucky))
    return tuple(rules)


def _stream(share):
    """Frames lost, doubled and late, and connections that break: gaps, and replays after them."""
    return [
        Fault(kind="ws-drop", endpoint=NEWS, rate=share),
        Fault(kind="ws-twice", endpoint=NEWS, rate=share),
        Fault(kind="ws-delay", endpoint=NEWS, rate=share, ms=2_000),
        Fault(kind="ws-disconnect", endpoint=NEWS, rate=share / 20),
    ]


def _orders(share):
    """Orders and their answers lost and late, with effect and without, over WebSocket and REST."""
    both = ("before", "after")
    kinds = ("ws-drop", "ws-twice", "ws-delay", "drop", "reset", "http", "delay")
    rules = [
        Fault(kind=kind, endpoint=ORDERS, phase=phase, rate=share, ms=3_000, status=status)
        for kind in kinds
        for phase, status in zip(both, (502, 520), strict=True)
    ]
    rules += [Fault(kind="hang", endpoint=ORDERS, phase=phase, rate=share) for phase in both]
    return rules + [Fault(kind="ws-disconnect", endpoint=ORDERS, phase=phase, rate=share / 4) for phase in both]


def _answers(share):
    """Orders refused for a reason that passes, and errors that may hide an order that was executed."""
    passing = [Fault(kind="error", endpoint=ORDERS, error=error, rate=share / 4) for error in PASSING]
    silent = [
        Fault(kind="error", endpoint=ORDERS, error=error, phase=phase, rate=share / 4)
        for error in SILENT
        for phase in ("before", "after")
    ]
    return passing + silent


def _reads(share):
    """Books that are stale, slow, or not to be had, and no tokens for streams."""
    return [
        Fault(kind="stale", endpoint=READS, rate=0.2, ms=4_000),
        Fault(kind="drop", endpoint=READS, rate=share),
        Fault(kind="http", endpoint=f"{READS}|GetWebSocketsToken", rate=share, status=503),
        Fault(kind="delay", endpoint=READS, rate=share, ms=2_000),
        Fault(kind="hang", endpoint=READS, rate=share / 4),
        Fault(kind="error", endpoint=READS, error="EAPI:Rate limit exceeded", rate=share / 2),
    ]
