"""ccxt, synchronous, from eight threads on one key."""

import argparse
import logging
import os
from concurrent.futures import ThreadPoolExecutor

import ccxt

from krakenonce.adapters import Priority, install, priority

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--url", default=os.environ.get("KRAKEN_URL", "http://127.0.0.1:8787"))
logging.basicConfig(level=logging.INFO, format="%(message)s")
url = parser.parse_args().url

key, secret = os.environ["KRAKEN_KEY"], os.environ["KRAKEN_SECRET"]
exchange = ccxt.kraken({"apiKey": key, "secret": secret, "enableRateLimit": False})
exchange.urls["api"] = {**exchange.urls["api"], "public": url, "private": url}
install(exchange, account="MASTER")
exchange.load_markets()

with ThreadPoolExecutor(8) as threads:
    balances = list(threads.map(lambda _: exchange.fetch_balance(), range(24)))

with priority(Priority.EXIT):  # goes before entries and reads that wait for the same key
    order = exchange.create_order("BTC/USD", "market", "sell", 0.01)

print(f"{len(balances)} calls from 8 threads, all answered; sold with order {order['id']}")
