"""A master to practise copying with: trades on a simulated Kraken, with a key of its own that the simulator gives it.

On the real exchange the master is you, or your bot: nothing of this file is needed there.
"""

import argparse
import asyncio
import json
import os
import urllib.request
from decimal import Decimal

from krakenonce.broker import KrakenBroker, Order
from krakenonce.kraken.credentials import Credentials


def another_key(url: str) -> Credentials:
    """Two programs never share a key: the copier reads with one, the master trades with another."""
    question = json.dumps({"name": "MASTER", "add": True}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/_control/keys", question, method="POST")) as answer:
        row = json.loads(answer.read())
    return Credentials(row["key"], row["secret"])


async def trade(url: str, pause_s: float) -> None:
    orders = (("buy", "0.10"), ("buy", "0.06"), ("sell", "0.04"))
    async with KrakenBroker("MASTER", another_key(url), base_url=url) as master:
        for side, volume in orders:
            await master.place(Order("BTC/USD", side, Decimal(volume)))
            print(f"the master {'buys' if side == 'buy' else 'sells'} {volume} BTC", flush=True)
            await asyncio.sleep(pause_s)


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--url", default=os.environ.get("KRAKEN_URL", "http://127.0.0.1:8787"))
parser.add_argument("--pause", type=float, default=1.0, metavar="SECONDS", help="between two orders (default: 1)")
arguments = parser.parse_args()
asyncio.run(trade(arguments.url, arguments.pause))
