"""What Kraken's private methods are for: data about their names, and nothing else."""

from __future__ import annotations

from enum import Enum


class Purpose(Enum):
    """What a private call wants. The names are those of the lanes' priorities."""

    CANCEL = "take orders off the book"
    ENTRY = "put an order on the book, or change one"
    READ = "everything else"


PURPOSES: dict[str, Purpose] = {
    "CancelOrder": Purpose.CANCEL,
    "CancelOrderBatch": Purpose.CANCEL,
    "CancelAll": Purpose.CANCEL,
    "CancelAllOrdersAfter": Purpose.CANCEL,  # arms or disarms the dead man's switch: late is dangerous
    "AddOrder": Purpose.ENTRY,
    "AddOrderBatch": Purpose.ENTRY,
    "AmendOrder": Purpose.ENTRY,
    "EditOrder": Purpose.ENTRY,
}
"""The methods that trade. Source: https://docs.kraken.com/api/docs/rest-api/add-order and its neighbours."""


def purpose_of(method: str) -> Purpose:
    """Return what *method* is for. A method that is not in the table reads.

    Parameters:
        method: a name as in Kraken's documentation, such as ``AddOrder``, or a path that ends in one.
    """
    return PURPOSES.get(method.rpartition("/")[2], Purpose.READ)
