"""Speed, beside the peers', on this machine, in this run. ``python -m benchmarks``."""
