#!/usr/bin/env python3
"""Constant load for a long time; ends with 1 if a process kept growing or a request failed. Run by `./deploy/dev soak`."""

import argparse
import asyncio
import itertools
import json
import random
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "EndToEnd")]

from harness.fleet import Fleet  # noqa: E402
from harness.recovering import RecoveringClient  # noqa: E402
from harness.steady import SteadyLoad  # noqa: E402

TOPIC = "payment-status-update"
#: Growth that is none: pages that an allocator keeps for a burst.
SLACK = 4.0


def memory(stack: Fleet) -> dict[str, float]:
    """Resident MiB of each process of the gateway."""
    return {process.name: process.memory() / 2**20 for process in stack.own}


def growth(samples: list[float]) -> tuple[float, float]:
    """The medians of the second fifth, when caches are full, and of the last."""
    fifth = max(1, len(samples) // 5)
    return statistics.median(samples[fifth:2 * fifth]), statistics.median(samples[-fifth:])


def waiting(load: SteadyLoad) -> int:
    """Requests without an answer."""
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

    load = SteadyLoad(stack.port, per_second=options.rate, share=0.2, delay=30)
    samples: dict[str, list[float]] = {process.name: [] for process in stack.own}
    for socket in sockets:
        socket.on_event = count
        socket.keep(stack.port)
    requests = asyncio.create_task(load.run())
    others = [asyncio.create_task(updates(stack, options.updates, 100)), asyncio.create_task(churn(sockets, max(1, options.sockets // 50)))]
    end = time.monotonic() + options.minutes * 60
    try:
        while time.monotonic() < end:
            await asyncio.sleep(min(10, max(0, end - time.monotonic())))
            for name, amount in memory(stack).items():
                samples[name].append(amount)
            if len(next(iter(samples.values()))) % 6 == 0:
                print(f"{load.begun:8} requests {received:8} deliveries {waiting(load):5} waiting  " + "  ".join(f"{name} {values[-1]:.1f}" for name, values in samples.items()), flush=True)
        load.stopped = True
        outcomes = await requests
    finally:
        for task in (requests, *others):
            task.cancel()
        await asyncio.gather(*(socket.close() for socket in sockets), return_exceptions=True)
    last = [*outcomes.plain.values(), *(answers[-1] for answers in outcomes.keyed.values())]
    failed = Counter((answer.status, answer.outcome, answer.detail) for answer in last if answer.status != 201)
    print(f"{load.begun} requests, {received} deliveries; {failed.total()} requests failed: {dict(failed)}")
    if failed:
        print(stack.tails())
    grown = 0
    for name, values in samples.items():
        early, late = growth(values)
        is_flat = late - early <= SLACK + early * 0.05
        grown += not is_flat
        print(f"{name:12} {early:7.1f} -> {late:7.1f} MiB, at most {max(values):.1f}{'' if is_flat else '  GROWS'}")
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
