"""pykrakenapi from eight threads, on one key."""

import argparse
import logging
import os
from concurrent.futures import ThreadPoolExecutor

import krakenex
import pykrakenapi

from krakenonce.adapters import install

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--url", default=os.environ.get("KRAKEN_URL", "http://127.0.0.1:8787"))
logging.basicConfig(level=logging.INFO, format="%(message)s")

key, secret = os.environ["KRAKEN_KEY"], os.environ["KRAKEN_SECRET"]
api = krakenex.API(key, secret)
api.uri = parser.parse_args().url
client = pykrakenapi.KrakenAPI(api, tier="None", retry=0)
install(client, account="MASTER")

with ThreadPoolExecutor(8) as threads:
    balances = list(threads.map(lambda _: client.get_account_balance(), range(24)))

print(f"{len(balances)} calls from 8 threads, all answered")
api.close()
