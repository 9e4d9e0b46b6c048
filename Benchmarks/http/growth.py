#!/usr/bin/env python3
"""Measures how costs grow with bodies, routes and connections: edge-http by itself, and for bodies the whole chain, each beside a bare HTTP echo.

./deploy/dev bench growth [--bodies 100,1000] [--routes 10,100] [--connections 1,64] ...; an empty list leaves its part out. edge-http by itself
has the bridge's end of its Unix socket in a process that answers at once. `^x` after a figure: it has grown as that power of what was varied.
"""

import argparse
import json
import math
import os
import shutil
import tempfile
from pathlib import Path

from chain import PATH, ROOT, Chain, EdgeAlone, cpu_seconds, direct, machine, wrk
from harness.processes import Process

# Steeper than this is worse than linear, after what two short runs differ by.
LINEAR = 1.1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=Path, default=ROOT / ".build/release")
    parser.add_argument("--noida-db", default=os.environ.get("NOIDA_DB"), help="the broker's program")
    parser.add_argument("--bodies", default="100,1000,10000,100000,900000", help="bytes (%(default)s)")
    parser.add_argument("--routes", default="10,100,1000", help="operations that edge-http knows, all of which are asked (%(default)s)")
    parser.add_argument("--connections", default="1,4,16,64,256,1024", help="(%(default)s)")
    parser.add_argument("--seconds", type=float, default=3, help="length of each measurement (%(default)s)")
    parser.add_argument("--body", type=int, default=500, help="bytes, where the bodies are not what is varied (%(default)s)")
    parser.add_argument("--at", type=int, default=16, help="connections, where they are not what is varied (%(default)s)")
    parser.add_argument("--json", type=Path, help="where the results go")
    return parser.parse_args()


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",") if word]


def loaded(processes: list[Process], port: int, path: str, connections: int, seconds: float, body: int, routes: int = 1) -> dict:
    """What wrk finds after a second to warm up, with the CPU time that a request took and the memory afterwards."""
    wrk(port, path, connections, 1, body, routes)
    before = {process.name: cpu_seconds(process) for process in processes}
    found = wrk(port, path, connections, seconds, body, routes)
    count = max(1, found["requests"])
    found["us"] = {process.name: 1e6 * (cpu_seconds(process) - before[process.name]) / count for process in processes}
    found["MiB"] = {process.name: process.memory() / 2**20 for process in processes}
    return found


def alone(folder: Path, options: argparse.Namespace, name: str, values: list[int]) -> list[dict]:
    """edge-http by itself at each value of what `name` says."""
    found = []
    for value in values:
        body = value if name == "body" else options.body
        connections = value if name == "connections" else options.at
        routes = value if name == "routes" else 1
        place = folder / f"{name}-{value}"
        place.mkdir()
        with EdgeAlone(place, options.binaries, routes).running() as edge:
            stage = {
                name: value, "ready_ms": edge.ready_ms,
                "edge": loaded([edge.edge], edge.port, PATH, connections, options.seconds, body, routes),
                "echo": loaded([edge.echo], edge.echo_port, PATH, connections, options.seconds, body, routes)}
        show(name, stage, found)
        found.append(stage)
    return found


def chain_bodies(folder: Path, options: argparse.Namespace, values: list[int]) -> list[dict]:
    """The whole chain, and the same round trip by librdkafka alone with as many in flight."""
    found = []
    for value in values:
        place = folder / f"chain-{value}"
        place.mkdir()
        with Chain(place, options.binaries, options.noida_db, {}).running() as chain:
            with chain.frozen(chain.bridge, chain.edge):
                reference = direct(chain, options.at, options.seconds, value)
            stage = {"body": value, "direct": reference, "chain": loaded(chain.parts[1:], chain.port, PATH, options.at, options.seconds, value)}
        shutil.rmtree(place)
        show("body", stage, found)
        found.append(stage)
    return found


def power(value: float, before: float, ratio: float) -> float:
    """p in `value = before * ratio^p`."""
    return math.log(value / before) / math.log(ratio) if value > 0 and before > 0 else 0.0


def show(name: str, stage: dict, before: list[dict]) -> None:
    """A line of the table, with the powers by which CPU time and latency have grown since the line before."""
    last = before[-1] if before else None
    words = [f"{name} {stage[name]:>9,}"]
    for who in ("edge", "chain", "echo", "direct"):
        if who not in stage:
            continue
        figures = stage[who]
        text = f"{who} {figures['perSecond']:8,.0f} /s {figures['perSecond'] * stage.get('body', 0) / 1e6:6.1f} MB/s" if name == "body" else f"{who} {figures['perSecond']:8,.0f} /s"
        text += f" p50 {figures['p50']:7.2f}{grown(name, stage, last, lambda at, who=who: at[who]['p50'])} p99 {figures['p99']:7.2f} ms"
        for process in figures.get("us", {}):
            text += f" {process} {figures['us'][process]:.0f} us{grown(name, stage, last, lambda at, who=who, process=process: at[who]['us'][process])}"
        if who == "edge":
            text += f" {figures['MiB']['edge-http']:.0f} MiB"
        if figures.get("failed"):
            text += f" FAILED {figures['failed']}"
        words.append(text)
    if "ready_ms" in stage:
        words.append(f"listens after {stage['ready_ms']:.0f} ms")
    print(" | ".join(words), flush=True)


def grown(name: str, stage: dict, last: dict | None, figure) -> str:
    if last is None:
        return ""
    found = power(figure(stage), figure(last), stage[name] / last[name])
    return f" ^{found:.2f}" + (" WORSE THAN LINEAR" if found > LINEAR else "")


def main() -> None:
    options = arguments()
    load = os.getloadavg()
    print(machine(load), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="vy-bench-", dir="/tmp"))
    results = {"load": load, "cores": os.cpu_count(), "options": {"at": options.at, "body": options.body, "seconds": options.seconds}}
    try:
        for name, values in (("connections", numbers(options.connections)), ("routes", numbers(options.routes)), ("body", numbers(options.bodies))):
            results[name] = alone(folder, options, name, values)
        results["chain"] = chain_bodies(folder, options, numbers(options.bodies))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


main()
