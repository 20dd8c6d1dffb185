"""What is written with the standing of a user who leaves or has left, for whoever reads it later. Pure."""

from __future__ import annotations

from krakenonce.copytrader.journal.records import Standing, State
from krakenonce.copytrader.policy import Leaving

LEFT = "has left; krakenonce users rearm copies again, or take the table out of the file"

REARMED = "has left, and is to be copied again"
"""The reason that is written with the standing of a user who has left and was re-armed, for his worker to find."""


def is_gone(standing: Standing) -> bool:
    """Return whether its user has left, and nobody has said that he is to be copied again."""
    return standing.state is State.LEFT and standing.reason != REARMED


def choice_of(standing: Standing) -> Leaving | None:
    """Return what becomes of the positions of a user who was LEAVING, as the engine has written it down."""
    word = standing.reason.rpartition(": ")[2]
    return Leaving(word) if word in {choice.value for choice in Leaving} else None
