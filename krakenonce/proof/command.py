"""``krakenonce prove``: its options, its progress, its table."""

from __future__ import annotations

import argparse
import sys

from krakenonce.proof.course import Proof, prove
from krakenonce.proof.plan import MUTANTS, Plan
from krakenonce.proof.troubles import Troubles
from krakenonce.stores.leases.settings import redacted

DESCRIPTION = """\
Put krakenonce's promise to the test on this machine: a simulated Kraken, and processes, threads and tasks that call it
with shared keys while they are killed and stopped and the clock is set wrong. The exchange's own log is the judge."""

EPILOG = """\
exit status: 0 if every invariant holds, 1 if one is violated, 2 if the run could not be set up

examples:
  krakenonce prove                                          4 processes x (2 threads + 2 tasks), 4 keys, 2,000 calls
  krakenonce prove --calls 20000 --keys 1 --processes 16 --kill 50 --pause 50 --clock-steps 20
  krakenonce prove --break lock                             a mutant; it must be caught"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to *parser*, and its help texts."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add, default = parser.add_argument, Plan()
    for name, help_text in (
        ("calls", "private calls in all"),
        ("keys", "API keys they are made with"),
        ("processes", "processes that make them"),
        ("threads", "threads in each; every other one uses an unmodified krakenex, if it is installed"),
        ("tasks", "asyncio tasks in each"),
        ("kill", "how many times a process is killed (-9) and started again"),
        ("pause", "how many times a process is stopped for 0.05 to 1 s"),
        ("clock-steps", "how many times the wall clock is set wrong, by up to an hour either way"),
        ("power-cuts", "disks to start again after simulated power cuts; 0 for none"),
        ("coarse-ms", "length of a tick of the workers' clock in milliseconds; 0 for the system's own"),
        ("seed", "decides keys, delays and faults"),
    ):
        standard = getattr(default, name.replace("-", "_"))
        add(f"--{name}", type=int, default=standard, metavar="N", help=f"{help_text} (default: %(default)s)")
    add("--delay-ms", type=_delay, default=default.delay_ms, metavar="A-B", help="way to the exchange (default: 0-3)")
    add("--store", default="", metavar="URL", help="store the processes share (default: a file store of its own)")
    add("--break", dest="mutant", choices=MUTANTS, help="leave out one thing on purpose; the run must then fail")


def _delay(text: str) -> tuple[float, float]:
    shortest, _, longest = text.partition("-")
    try:
        return float(shortest), float(longest or shortest)
    except ValueError:
        raise argparse.ArgumentTypeError("write two numbers of milliseconds, such as 5-300") from None


def plan_of(options: argparse.Namespace) -> Plan:
    """Return the plan that the command line describes."""
    names = ("calls", "keys", "processes", "threads", "tasks", "kill", "pause", "clock_steps", "power_cuts", "seed")
    coarse = options.coarse_ms
    if options.mutant == "floor" and not coarse:
        coarse = 1000  # a clock that ticks in nanoseconds would hide it
    fields = {name: getattr(options, name) for name in names}
    return Plan(**fields, coarse_ms=coarse, delay_ms=options.delay_ms, store=options.store, mutant=options.mutant)


def run(options: argparse.Namespace) -> int:
    """Prove, print, and return the exit status."""
    plan = plan_of(options)
    print(_headline(plan), flush=True)
    proof = prove(plan, _progress(plan))
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(_table(proof))
    return 0 if proof.holds else 1


def _headline(plan: Plan) -> str:
    where = redacted(plan.store) if plan.store else "a file store of its own"
    broken = f", broken on purpose: {plan.mutant}" if plan.mutant else ""
    return (
        f"{plan.calls:,} calls on {plan.keys:,} keys by {plan.processes} processes x ({plan.threads} threads + "
        f"{plan.tasks} tasks), delay {plan.delay_ms[0]:g}-{plan.delay_ms[1]:g} ms, {where}, seed {plan.seed}{broken}"
    )


class _Progress:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._shown = -1

    def __call__(self, calls: int, troubles: Troubles) -> None:
        percent = calls * 100 // self._plan.calls
        if percent != self._shown and sys.stderr.isatty():
            self._shown = percent
            faults = f"{troubles.kills} kills, {troubles.pauses} pauses, {troubles.steps} clock steps"
            print(f"\r{percent:3d} %  {calls:,} calls  {faults}", end="", file=sys.stderr, flush=True)


def _progress(plan: Plan) -> _Progress:
    return _Progress(plan)


def _table(proof: Proof) -> str:
    width = max(len(check.name) for check in proof.checks)
    lines = [f"  {'ok ' if check.holds else 'NO '} {check.name:<{width}}  {check.found}" for check in proof.checks]
    if proof.tally is not None:
        rate = proof.tally.requests / proof.seconds
        lines.insert(0, f"  {proof.tally.requests:,} requests in {proof.seconds:.1f} s ({rate:,.0f}/s)")
    lines.append("PROVED" if proof.holds else "VIOLATED")
    return "\n".join(lines)
