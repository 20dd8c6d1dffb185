"""krakenex from eight threads, on one key."""

import argparse
import logging
import os
from concurrent.futures import ThreadPoolExecutor

import krakenex

from krakenonce.adapters import install

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--url", default=os.environ.get("KRAKEN_URL", "http://127.0.0.1:8787"))
logging.basicConfig(level=logging.INFO, format="%(message)s")

key, secret = os.environ["KRAKEN_KEY"], os.environ["KRAKEN_SECRET"]
api = krakenex.API(key, secret)
api.uri = parser.parse_args().url
install(api, account="MASTER")

with ThreadPoolExecutor(8) as threads:
    replies = list(threads.map(lambda _: api.query_private("Balance", timeout=10), range(24)))

refused = [reply["error"] for reply in replies if reply["error"]]
print(f"{len(replies)} calls from 8 threads, {len(replies) - len(refused)} answered, {len(refused)} refused")
api.close()
