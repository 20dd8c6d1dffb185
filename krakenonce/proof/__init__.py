"""``krakenonce prove``: the promise, put to the test on the user's own machine and judged by the exchange's own log."""
