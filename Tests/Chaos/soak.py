#!/usr/bin/env python3
"""Constant load for a long time; ends with 1 if a process kept growing or a request failed. Run by `./deploy/dev soak`.

What requests in flight take at the moment is no growth, so memory is compared at rest: after the first sixth, and at the end.
"""

import argparse
import asyncio
import itertools
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "EndToEnd")]

from harness.fleet import Fleet  # noqa: E402
from harness.recovering import RecoveringClient  # noqa: E402
from harness.steady import SteadyLoad  # noqa: E402

TOPIC = "payment-status-update"
#: MiB of growth that are none: so much free memory a process may keep (`FreeMemory`).
SLACK = 8.0
#: Seconds without requests; a process gives its free memory back every 30.
REST = 65


def memory(stack: Fleet) -> dict[str, float]:
    """Resident MiB of each process of the gateway."""
    return {process.name: process.memory() / 2**20 for process in stack.own}


def waiting(load: SteadyLoad) -> int:
    """Requests that have had no answer."""
    return load.begun - len(load.outcomes.plain) - sum(1 for answers in load.outcomes.keyed.values() if answers)


async def updates(stack: Fleet, per_second: float, users: int) -> None:
    with stack.kafka.producer(TOPIC) as send:
        start = time.monotonic()
        for count in itertools.count(1):
            user = f"user-{random.randrange(users)}"
            send(user, json.dumps({"id": f"pi-{user}", "userId": user, "status": "processing", "at": time.time()}).encode())
            await asyncio.sleep(max(0, start + count / per_second - time.monotonic()))


async def churn(sockets: list[RecoveringClient], count: int) -> None:
    """Connections break and come back, so that what the edge keeps of them has to go."""
    while True:
        await asyncio.sleep(1)
        for socket in random.sample(sockets, count):
            if socket.connected:
                await socket.transport.cut()


async def run(stack: Fleet, options: argparse.Namespace) -> int:
    sockets = [RecoveringClient(user=f"user-{n % 100}") for n in range(options.sockets)]
    received = 0

    def count(_: list) -> None:
        nonlocal received
        received += 1

    samples: dict[str, list[float]] = {process.name: [] for process in stack.own}
    for socket in sockets:
        socket.on_event = count
        socket.keep(stack.port)
    others = [asyncio.create_task(updates(stack, options.updates, 100)), asyncio.create_task(churn(sockets, max(1, options.sockets // 50)))]
    loads, rests = [], []
    try:
        for part, share in (("first", 1 / 6), ("second", 5 / 6)):
            load = SteadyLoad(stack.port, per_second=options.rate, share=0.2, delay=30, prefix=part)
            loads.append(load)
            requests = asyncio.create_task(load.run())
            others.append(requests)
            end = time.monotonic() + options.minutes * 60 * share
            while time.monotonic() < end:
                await asyncio.sleep(min(10, max(0, end - time.monotonic())))
                for name, amount in memory(stack).items():
                    samples[name].append(amount)
                if len(next(iter(samples.values()))) % 6 == 0:
                    print(f"{load.begun:8} requests {received:8} deliveries {waiting(load):5} waiting  " + "  ".join(f"{name} {values[-1]:.1f}" for name, values in samples.items()), flush=True)
            load.stopped = True
            await requests
            await asyncio.sleep(REST)
            rests.append(memory(stack))
            print("at rest: " + "  ".join(f"{name} {amount:.1f}" for name, amount in rests[-1].items()), flush=True)
    finally:
        for task in others:
            task.cancel()
        await asyncio.gather(*(socket.close() for socket in sockets), return_exceptions=True)
    outcomes = [load.outcomes for load in loads]
    last = [answer for part in outcomes for answer in (*part.plain.values(), *(answers[-1] for answers in part.keyed.values()))]
    failed = Counter((answer.status, answer.outcome, answer.detail) for answer in last if answer.status != 201)
    print(f"{len(last)} requests, {received} deliveries; {failed.total()} requests failed: {dict(failed)}")
    if failed:
        print(stack.tails())
    grown = 0
    for name, values in samples.items():
        early, late = rests[0][name], rests[1][name]
        is_flat = late - early <= SLACK
        grown += not is_flat
        print(f"{name:12} at rest {early:7.1f} -> {late:7.1f} MiB, under load at most {max(values):.1f}{'' if is_flat else '  GROWS'}")
    return 1 if grown or failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long (%(default)s)")
    parser.add_argument("--rate", type=float, default=200, help="requests per second (%(default)s)")
    parser.add_argument("--updates", type=float, default=50, help="status updates per second (%(default)s)")
    parser.add_argument("--sockets", type=int, default=200, help="(%(default)s)")
    options = parser.parse_args()
    with Fleet("soak", bridges=1, https=1, replicas=1).running() as stack:
        return asyncio.run(run(stack, options))


if __name__ == "__main__":
    sys.exit(main())
