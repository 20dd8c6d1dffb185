"""ccxt, asynchronous: twenty-four calls at once on one key."""

import argparse
import asyncio
import logging
import os

import ccxt.async_support as ccxt

from krakenonce.adapters import install

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--url", default=os.environ.get("KRAKEN_URL", "http://127.0.0.1:8787"))
logging.basicConfig(level=logging.INFO, format="%(message)s")


async def main(url: str) -> None:
    key, secret = os.environ["KRAKEN_KEY"], os.environ["KRAKEN_SECRET"]
    async with ccxt.kraken({"apiKey": key, "secret": secret, "enableRateLimit": False}) as exchange:
        exchange.urls["api"] = {**exchange.urls["api"], "public": url, "private": url}
        install(exchange, account="MASTER")
        await exchange.load_markets()
        balances = await asyncio.gather(*[exchange.fetch_balance() for _ in range(24)])
        print(f"{len(balances)} calls at once, all answered")


asyncio.run(main(parser.parse_args().url))
