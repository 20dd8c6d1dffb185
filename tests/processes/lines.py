"""Looking at the queue of a key from outside, and waiting until it looks as wanted."""

import threading

from krakenonce.stores.file.survey import survey


def in_line(url):
    """Return how many processes hold the first key of the store at *url* or wait for it."""
    lanes = survey(url).lanes
    return lanes[0].waiting + (lanes[0].holder is not None) if lanes else 0


def until(condition):
    """Wait for another thread or process to get somewhere; pytest's own time limit is the only one."""
    pause = threading.Event()
    while not condition():
        pause.wait(0.005)
