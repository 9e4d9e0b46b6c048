#!/usr/bin/env python3
"""Rounds of faults under load until the time is over; ends with 1 if a check failed. Run by `./deploy/dev chaos`."""

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "EndToEnd"), str(Path(__file__).resolve().parent)]

from chaos.check import violations  # noqa: E402
from chaos.report import write_report  # noqa: E402
from chaos.round import Plan, Round, summary  # noqa: E402


def play(plan: Plan, reports: Path) -> int:
    """One round; the number of violations. A report stays where there is one."""
    print(plan, flush=True)
    stack = plan.stack()
    try:
        stack.start()
        history = asyncio.run(Round(plan, stack, lambda text: print(text, flush=True)).run())
        found = violations(history)
        print(f"  {summary(history)}")
        for violation in found[:50]:
            print(f"  VIOLATION {violation}")
        print(f"  {len(found)} violations", flush=True)
        if found:
            folder = reports / plan.seed.replace("/", "-")
            write_report(folder, stack, history, found)
            print(f"  report: {folder}", flush=True)
        return len(found)
    finally:
        stack.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long in all (%(default)s)")
    parser.add_argument("--seed", default=None, help="which faults; by itself one is chosen and printed. SEED/N replays round N alone")
    parser.add_argument("--round", type=float, default=60, metavar="SECONDS", help="load of one round (%(default)s)")
    parser.add_argument("--rate", type=float, default=60, help="requests per second, roughly (%(default)s)")
    parser.add_argument("--pace", type=float, default=1.5, help="seconds between faults on average (%(default)s)")
    parser.add_argument("--bridges", type=int, default=2)
    parser.add_argument("--replicas", type=int, default=2, help="of each edge (%(default)s)")
    parser.add_argument("--mock", choices=("never", "some", "always"), default="some", help="librdkafka's mock cluster as the broker: in every third round (some)")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="faults at these processes alone: bridge, edge-http, redis ...")
    parser.add_argument("--reports", type=Path, default=Path(".run/chaos"), help="folder for what was found (%(default)s)")
    options = parser.parse_args()
    seed = options.seed or str(random.randrange(1_000_000))
    print(f"seed {seed}", flush=True)
    end = time.monotonic() + options.minutes * 60
    found = rounds = 0
    while rounds == 0 or ("/" not in seed and time.monotonic() < end):
        rounds += 1
        name = seed if "/" in seed else f"{seed}/{rounds}"
        found += play(
            Plan(
                name, options.round, options.rate, options.pace, targets=tuple(options.only), bridges=options.bridges, replicas=options.replicas,
                mock=options.mock == "always" or options.mock == "some" and int(name.rpartition("/")[2]) % 3 == 0),
            options.reports)
    print(f"{rounds} rounds of seed {seed}: {found} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
