"""Every error string Kraken is known to send, and what the caller must do about it: data, no logic.

Sources: Kraken's error guide (https://docs.kraken.com/api/docs/guides/spot-errors) and rate-limit guide
(https://docs.kraken.com/api/docs/guides/spot-ratelimits), its published SDK, and strings seen on the wire.
Where the documented and the observed form differ, both are listed.
"""

from __future__ import annotations

from enum import Enum


class Action(Enum):
    """What the caller must do about an error."""

    NEW_NONCE = "send it again with a new nonce"
    NEW_TOKEN = "fetch a new WebSocket token, then send it again"  # noqa: S105 - advice, no password
    WAIT = "send it again after a wait"
    LOOK = "look up the order's state before anything else"
    RECONCILE = "it may have executed: look it up before sending it again"
    PAUSE = "send nothing with this key for 15 minutes"
    GIVE_UP = "do not send it again unchanged"


# The longest entry that begins an error string decides. Grouped by action; within a group in the order of the guide.
CATALOGUE: dict[str, Action] = {
    # Rejected before execution, and only for the number it carried.
    "EAPI:Invalid nonce": Action.NEW_NONCE,
    # WebSocket sessions.
    "EAPI:Invalid token": Action.NEW_TOKEN,
    "ESession:Invalid session": Action.NEW_TOKEN,
    # Rejected before execution, for a reason that passes.
    "EAPI:Rate limit exceeded": Action.WAIT,
    "EGeneral:Too many requests": Action.WAIT,
    "EAuth:Rate limit exceeded": Action.WAIT,
    "EAuth:Too many requests": Action.WAIT,
    "EOrder:Rate limit exceeded": Action.WAIT,
    "EOrder:Domain rate limit exceeded": Action.WAIT,
    "EService: Throttled": Action.WAIT,  # with the space, followed by a Unix time
    "EService:Throttled": Action.WAIT,
    "EService:Market in": Action.WAIT,  # cancel_only mode | post_only mode | limit_only mode
    # The id or the order may already exist, or may already be closed.
    "EGeneral:Invalid arguments:cl_ord_id not unique": Action.LOOK,
    "EOrder:Unknown order": Action.LOOK,
    # Nothing is said about whether it executed.
    "EGeneral:Internal error": Action.RECONCILE,
    "EDatabase:Internal error": Action.RECONCILE,
    "EService:Unavailable": Action.RECONCILE,
    "EService:Busy": Action.RECONCILE,
    "EService:Timeout": Action.RECONCILE,
    "EService:Deadline elapsed": Action.RECONCILE,
    # Locked out.
    "EGeneral:Temporary lockout": Action.PAUSE,
    # Rejected before execution, for good.
    "EAPI:Invalid key": Action.GIVE_UP,
    "EAPI:Invalid signature": Action.GIVE_UP,
    "EAPI:Bad request": Action.GIVE_UP,
    "EAPI:Feature disabled": Action.GIVE_UP,
    "EGeneral:Invalid arguments": Action.GIVE_UP,
    "EGeneral:Permission denied": Action.GIVE_UP,
    "EGeneral:Unknown method": Action.GIVE_UP,
    "EOrder:Insufficient funds": Action.GIVE_UP,
    "EOrder:Order minimum not met": Action.GIVE_UP,
    "EOrder:Cost minimum not met": Action.GIVE_UP,
    "EOrder:Invalid price": Action.GIVE_UP,
    "EOrder:Tick size check failed": Action.GIVE_UP,
    "EOrder:Invalid limit price": Action.GIVE_UP,
    "EOrder:Invalid order": Action.GIVE_UP,
    "EOrder:Post only order": Action.GIVE_UP,
    "EOrder:Orders limit exceeded": Action.GIVE_UP,
    "EOrder:Scheduled orders limit exceeded": Action.GIVE_UP,
    "EOrder:Positions limit exceeded": Action.GIVE_UP,
    "EOrder:Unknown position": Action.GIVE_UP,
    "EOrder:Trading agreement required": Action.GIVE_UP,
    "EOrder:Cannot open position": Action.GIVE_UP,
    "EOrder:Cannot open opposing position": Action.GIVE_UP,
    "EOrder:Margin allowance exceeded": Action.GIVE_UP,
    "EOrder:Margin level too low": Action.GIVE_UP,
    "EOrder:Margin position size exceeded": Action.GIVE_UP,
    "EOrder:Insufficient margin": Action.GIVE_UP,
    "EOrder:Reduce only": Action.GIVE_UP,  # :Non-PC | :No position exists | :Position is closed
    "ETrade:Invalid request": Action.GIVE_UP,
    "ETrade:Locked": Action.GIVE_UP,
    "EAccount:Invalid permissions": Action.GIVE_UP,
    "EAuth:Account temporary disabled": Action.GIVE_UP,
    "EAuth:Account unconfirmed": Action.GIVE_UP,
    "EBM:limit exceeded": Action.GIVE_UP,
    "EQuery:Unknown asset": Action.GIVE_UP,  # also "Unknown asset pair"
    "EQuery:Invalid asset pair": Action.GIVE_UP,
    "EFunding:": Action.GIVE_UP,
}
