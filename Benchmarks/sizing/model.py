#!/usr/bin/env python3
"""How many processes, cores, bytes and partitions a load takes: python3 Benchmarks/sizing/model.py --requests 100000 --sockets 1000000.

Arithmetic over measured costs (costs.json; docs/sizing.md says where each comes from), with an M/M/1 queue on each event loop for the latency.
"""

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path

PING_SECONDS = 25


@dataclass
class Load:
    requests: float
    sockets: int
    #: Status updates a request leads to.
    updates: float
    #: Share of the requests that carry an Idempotency-Key.
    keyed: float
    #: Idle HTTP connections that clients and proxies keep.
    connections: int
    #: Seconds in which the clients of a lost edge-ws come back.
    return_seconds: float


@dataclass
class Part:
    name: str
    replicas: int
    cores: float
    memory_gib: float
    #: Of one replica's busiest event loop, with all replicas and with one fewer.
    utilisation: float
    utilisation_without_one: float
    limited_by: str


def replicas(cores: float, per_replica: float, target: float) -> int:
    """At least 2, and one more than the load needs, so that one may be lost or restarted."""
    return max(2, math.ceil(cores / (per_replica * target)) + 1)


def part(name: str, cores: float, per_replica: float, target: float, mib: float, least: int = 0, reason: str = "") -> Part:
    by_cores = replicas(cores, per_replica, target)
    count = max(by_cores, least)
    return Part(name, count, cores, mib / 1024, cores / (count * per_replica), cores / ((count - 1) * per_replica), reason if least > by_cores else "CPU")


def edge_http(load: Load, costs: dict, target: float, cores_each: int) -> Part:
    cost = costs["edge_http"]
    cores = load.requests * cost["us_per_request"] / 1e6
    found = part("edge-http", cores, cores_each, target, 0)
    each = load.connections / (found.replicas - 1)
    found.memory_gib = (cost["mib"] + each * cost["kb_per_connection"] / 1024) / 1024
    return found


def bridge(load: Load, costs: dict, target: float) -> Part:
    """One event loop does its own work, librdkafka's threads the rest; the loop is what fills up first."""
    cost = costs["bridge"]
    cores = (load.requests * cost["us_per_request"] + load.requests * load.updates * cost["us_per_update"]) / 1e6
    return part("bridge-kafka", cores, 1 / cost["loop_share"], target, cost["mib"])


def edge_ws(load: Load, costs: dict, target: float, cores_each: int, sockets_each: int) -> Part:
    cost = costs["edge_ws"]
    cores = (load.requests * load.updates * cost["us_per_update"] + load.sockets / PING_SECONDS * cost["us_per_heartbeat"]) / 1e6
    found = part("edge-ws", cores, cores_each, target, 0, math.ceil(load.sockets / sockets_each) + 1, f"{sockets_each:,} sockets each")
    each = load.sockets / (found.replicas - 1)
    found.memory_gib = (cost["mib"] + each * (cost["kb_per_connection"] + costs["kernel"]["kb_per_connection"]) / 1024) / 1024
    return found


def redis_cores(load: Load, costs: dict) -> float:
    cost = costs["redis"]
    return load.requests * (load.updates * cost["us_per_update"] + load.keyed * 2 * cost["us_per_key"]) / 1e6


def wait_ms(us: float, utilisation: float, rank: float) -> float:
    """Time in an M/M/1 system that `rank` of the requests stay below (Kleinrock, Queueing Systems I, §3.2); infinite at full load."""
    return math.inf if utilisation >= 1 else us / 1000 / (1 - utilisation) * -math.log(1 - rank)


def storm(load: Load, costs: dict, found: Part, cores_each: int) -> tuple[float, float]:
    """What the loss of one edge-ws does to the others: its clients a second for each, and the share of their processors that takes."""
    lost = load.sockets / found.replicas
    per_second = lost / (found.replicas - 1) / load.return_seconds
    return per_second, per_second * costs["edge_ws"]["us_per_connect"] / 1e6 / cores_each


def report(load: Load, costs: dict, target: float, cores_each: int, sockets_each: int) -> list[str]:
    parts = [edge_http(load, costs, target, cores_each), bridge(load, costs, target), edge_ws(load, costs, target, cores_each, sockets_each)]
    lines = ["| process | replicas | limited by | cores in all | memory of each (GiB) | busy | busy without one | p50, p99 spent in it (ms) |", "|---|---|---|---|---|---|---|---|"]
    for found, us in zip(parts, (costs["edge_http"]["us_per_request"], costs["bridge"]["us_per_request"], costs["edge_ws"]["us_per_update"])):
        waits = ", ".join(f"{wait_ms(us, found.utilisation, rank):.2f}" for rank in (0.5, 0.99))
        lines.append(f"| {found.name} | {found.replicas} | {found.limited_by} | {found.cores:.1f} | {found.memory_gib:.2f} | {found.utilisation:.0%} | {found.utilisation_without_one:.0%} | {waits} |")
    http, kafka, sockets = parts
    per_second, share = storm(load, costs, sockets, cores_each)
    redis = redis_cores(load, costs)
    lines += [
        "", f"- Reply partitions: {kafka.replicas} or more, one for each bridge. Partitions of each request topic and of the status topic: at least as many as its readers, here {kafka.replicas} bridges.",
        f"- In flight at 20 ms a request: {load.requests * 0.02:,.0f} in all, {load.requests * 0.02 / http.replicas:,.0f} for each edge-http (`HTTP_MAX_IN_FLIGHT`, `BRIDGE_WINDOW`).",
        f"- An edge-ws is lost: {load.sockets / sockets.replicas:,.0f} clients come back within {load.return_seconds:g} s, {per_second:,.0f}/s to each other one, {share:.0%} of its processors.",
        f"- Redis: {redis:.1f} cores, and a Redis has one." + (f" The gateway knows one Redis: at most {load.requests * target / redis:,.0f} requests/s like these for each deployment, so this load takes {math.ceil(redis / target)} deployments, each with its own Redis and its own users." if redis > target else ""),
    ]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=float, default=100_000, help="per second (%(default)s)")
    parser.add_argument("--sockets", type=int, default=1_000_000, help="(%(default)s)")
    parser.add_argument("--updates", type=float, default=0.2, help="status updates for each request (%(default)s)")
    parser.add_argument("--keyed", type=float, default=0.2, help="share of requests with an Idempotency-Key (%(default)s)")
    parser.add_argument("--connections", type=int, default=20_000, help="idle HTTP connections (%(default)s)")
    parser.add_argument("--return-seconds", type=float, default=5, help="in which clients reconnect (%(default)s; socket.io-client spreads its first attempt over 0.5 to 1.5 s, later ones to 5 s)")
    parser.add_argument("--cores", type=int, default=2, help="of each edge (%(default)s)")
    parser.add_argument("--sockets-each", type=int, default=50_000, help="most sockets of one edge-ws (%(default)s)")
    parser.add_argument("--target", type=float, default=0.6, help="share of a processor that is to be used (%(default)s)")
    parser.add_argument("--costs", type=Path, default=Path(__file__).parent / "costs.json")
    options = parser.parse_args()
    load = Load(options.requests, options.sockets, options.updates, options.keyed, options.connections, options.return_seconds)
    print("\n".join(report(load, json.loads(options.costs.read_text()), options.target, options.cores, options.sockets_each)))


if __name__ == "__main__":
    main()
