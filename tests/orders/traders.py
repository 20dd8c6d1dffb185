"""A broker on a simulated exchange, and faults to order."""

import json
import urllib.request
from decimal import Decimal

from krakenonce.broker import KrakenBroker, Order, Patience
from krakenonce.global_nonce import GlobalKrakenNonceManager
from krakenonce.kraken.credentials import Credentials
from krakenonce.lanes import LaneRegistry

BITCOIN = "XXBTZUSD"


def trader(sim, place=1, *, settle_s=0.3, timeout=0.2, **options):
    """A broker of one account, as a program that has just been started would make it."""
    account = sim.accounts[place]
    options.setdefault("manager", GlobalKrakenNonceManager("memory://", registry=LaneRegistry()))
    patience = Patience(attempts=3, settle_s=settle_s, pause_s=0.01)
    credentials = Credentials(account.key, account.secret)
    return KrakenBroker(account.name, credentials, base_url=sim.url, timeout=timeout, patience=patience, **options)


def market(name, volume="0.001", **more):
    return Order(BITCOIN, "buy", Decimal(volume), cl_ord_id=name, **more)


def resting(name, volume="0.001", price="40000"):
    return Order(BITCOIN, "buy", Decimal(volume), "limit", Decimal(price), cl_ord_id=name)


def misfortune(sim, **fault):
    request = urllib.request.Request(f"{sim.url}/_control/faults", json.dumps(fault).encode(), method="POST")
    with urllib.request.urlopen(request) as response:
        assert response.status == 200


def orders_of(sim, place=1):
    return list(sim.accounts[place].orders.values())


def sent(sim, method="AddOrder"):
    return [row for row in sim.log() if row["method"] == method]
