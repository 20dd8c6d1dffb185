"""python-kraken-sdk: eight threads and eight tasks at the same time, on one key."""

import argparse
import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor

from kraken.spot import SpotAsyncClient, User

from krakenonce.adapters import install

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--url", default=os.environ.get("KRAKEN_URL", "http://127.0.0.1:8787"))
logging.basicConfig(level=logging.INFO, format="%(message)s")

url = parser.parse_args().url
key, secret = os.environ["KRAKEN_KEY"], os.environ["KRAKEN_SECRET"]


def from_threads() -> int:
    user = User(key, secret, url=url)
    install(user, account="MASTER")
    with ThreadPoolExecutor(8) as threads:
        return len(list(threads.map(lambda _: user.get_account_balance(), range(24))))


async def from_tasks() -> int:
    async with SpotAsyncClient(key, secret, url=url) as client:
        install(client, account="MASTER")  # the same key: the same lane as the threads'
        calls = [client.request("POST", "/0/private/Balance") for _ in range(24)]
        return len(await asyncio.gather(*calls))


async def main() -> None:
    threads, tasks = await asyncio.gather(asyncio.to_thread(from_threads), from_tasks())
    print(f"{threads} calls from 8 threads and {tasks} from tasks, all answered")


asyncio.run(main())
