#!/usr/bin/env python3
"""Measures the whole chain, HTTP to Kafka and back, beside what bounds it: a bare HTTP echo, and the same round trip by librdkafka alone.

./deploy/dev bench http [--connections 1,16,64] [--seconds 8] ...; docs/performance.md says what the figures mean.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from chain import BODY, PATH, ROOT, TOPIC, Chain, cpu_seconds, direct, machine, wrk
from harness.http import request
from harness.processes import wait_until
from hdrh.histogram import HdrHistogram

# What is asked of the whole chain on the development machine.
TARGETS = {"per second at 64": (">=", 15_000), "p99 ms at 64": ("<=", 15), "share of direct at 64": (">=", 0.8), "added ms at 1": ("<=", 0.25),
           "MiB of edge-http": ("<=", 40), "MiB of bridge": ("<=", 60), "ready ms of bridge": ("<=", 300), "ready ms of edge-http": ("<=", 300), "first request over median": ("<=", 3)}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=Path, default=ROOT / ".build/release")
    parser.add_argument("--noida-db", default=os.environ.get("NOIDA_DB"), help="the broker's program")
    parser.add_argument("--connections", default="1,16,64,256,1024", help="a stage for each number (%(default)s)")
    parser.add_argument("--seconds", type=float, default=8, help="length of each stage (%(default)s)")
    parser.add_argument("--body", type=int, default=500, help="bytes (%(default)s)")
    parser.add_argument("--rates", default="1000,5000,10000", help="requests per second at 256 connections, at a constant rate (%(default)s)")
    parser.add_argument("--routes", type=int, default=1, help="operations that edge-http knows (%(default)s)")
    parser.add_argument("--without", nargs="*", default=[], choices=("direct", "echo"), help="references to leave out")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="a setting of both processes")
    parser.add_argument("--json", type=Path, help="where the results go")
    return parser.parse_args()


def chain_stage(chain: Chain, connections: int, options: argparse.Namespace) -> dict:
    wrk(chain.port, PATH, connections, 1, options.body)
    before = {process.name: cpu_seconds(process) for process in chain.parts}
    found = wrk(chain.port, PATH, connections, options.seconds, options.body)
    found["cpu"] = {process.name: cpu_seconds(process) - before[process.name] for process in chain.parts}
    found["memory"] = {process.name: process.memory() / 2**20 for process in (chain.bridge, chain.edge)}
    return found


def rate_stage(chain: Chain, per_second: int, options: argparse.Namespace) -> dict:
    """Latencies count from when a request was due."""
    text = subprocess.run(
        [chain.rate, str(chain.port), PATH, "256", str(per_second), str(options.seconds), str(options.body)], capture_output=True, text=True, check=True).stdout
    histogram = HdrHistogram(1, 60_000_000, 3)
    for line in text.splitlines():
        histogram.record_value(round(float(line)))
    values = {name: histogram.get_value_at_percentile(rank) / 1e3 for name, rank in (("p50", 50), ("p99", 99), ("p99.9", 99.9))}
    return {"rate": per_second, "perSecond": histogram.get_total_count() / options.seconds, "max": histogram.get_max_value() / 1e3, **values}


def start_stage(chain: Chain) -> dict:
    """Each process anew, until it is ready, and the first request against the median of the next hundred."""
    found = {}
    for process in (chain.bridge, chain.edge):
        process.stop()
        begun = time.monotonic()
        process.start()
        admin = int(process.wait_log("admin listening")["port"])
        wait_until(lambda admin=admin: ready(admin), 20, f"{process.name} is ready", pause=0.002)
        found[f"ready ms of {process.name}"] = (time.monotonic() - begun) * 1000
    chain.port = int(chain.edge.wait_log("listening")["port"])
    took = []
    for _ in range(101):
        begun = time.monotonic()
        assert request(chain.port, "POST", PATH, BODY, {"Content-Type": "application/json"}).status == 200
        took.append((time.monotonic() - begun) * 1000)
    return found | {"first request over median": took[0] / statistics.median(took[1:])}


def ready(port: int) -> bool:
    with contextlib.suppress(OSError):
        return request(port, "GET", "/readyz").status == 200
    return False


def idle_stage(chain: Chain, count: int = 5000) -> dict:
    """Resident bytes of edge-http for each connection that has asked once and waits."""
    before = chain.edge.memory()
    head = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    sockets = []
    try:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", chain.port))
            connection.sendall(head)
            connection.recv(4096)
            sockets.append(connection)
        return {"kB per idle connection": (chain.edge.memory() - before) / count / 1000}
    finally:
        for connection in sockets:
            connection.close()


def show(name: str, connections: int, found: dict) -> None:
    text = f"{name:8} {connections:5} {found['perSecond']:10,.0f} /s  p50 {found['p50']:8.2f}  p99 {found['p99']:8.2f}  max {found['max']:8.2f} ms"
    if found.get("failed"):
        text += f"  FAILED {found['failed']}"
    if "cpu" in found:
        ten_thousand = found["requests"] / 10_000
        text += "  CPU s per 10,000: " + " ".join(f"{who} {seconds / ten_thousand:.2f}" for who, seconds in found["cpu"].items() if who != "redis")
        text += "  MiB: " + " ".join(f"{who} {amount:.0f}" for who, amount in found["memory"].items())
    print(text, flush=True)


def judge(stages: list[dict], others: dict[str, float]) -> None:
    """Figures beside their targets and references."""
    at = {stage["connections"]: stage for stage in stages}
    figures = dict(others)
    for connections, stage in at.items():
        chain = stage["chain"]
        for reference in ("direct", "echo"):
            if reference in stage:
                share = chain["perSecond"] / stage[reference]["perSecond"]
                added = chain["p50"] - stage[reference]["p50"]
                print(f"{connections:5} connections: {share:.2f} of {reference}'s requests, p50 {added:+.2f} ms, p99 {chain['p99'] - stage[reference]['p99']:+.2f} ms")
                if reference == "direct":
                    figures[f"share of direct at {connections}"] = share
                    figures[f"added ms at {connections}"] = added
        figures |= {f"per second at {connections}": chain["perSecond"], f"p99 ms at {connections}": chain["p99"]}
        figures |= {"MiB of edge-http": chain["memory"]["edge-http"], "MiB of bridge": chain["memory"]["bridge"]}
    for name, (relation, target) in TARGETS.items():
        if name in figures:
            met = figures[name] <= target if relation == "<=" else figures[name] >= target
            print(f"{name}: {figures[name]:,.2f}, target {relation} {target:g}: {'met' if met else 'MISSED'}")


def main() -> None:
    options = arguments()
    load = os.getloadavg()
    print(f"{machine(load)}; bodies of {options.body} bytes", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="vy-bench-", dir="/tmp"))
    stages = []
    try:
        with Chain(folder, options.binaries, options.noida_db, dict(setting.split("=", 1) for setting in options.env), options.routes).running() as chain:
            for connections in map(int, options.connections.split(",")):
                stage: dict = {"connections": connections}
                if "direct" not in options.without:
                    with chain.frozen(chain.bridge, chain.edge):
                        stage["direct"] = direct(chain, connections, options.seconds, options.body)
                    show("direct", connections, stage["direct"])
                if "echo" not in options.without:
                    with chain.frozen(*chain.parts):
                        stage["echo"] = wrk(chain.echo_port, "/", connections, options.seconds / 2, options.body)
                    show("echo", connections, stage["echo"])
                stage["chain"] = chain_stage(chain, connections, options)
                show("chain", connections, stage["chain"])
                stages.append(stage)
            rates = [rate_stage(chain, int(rate), options) for rate in options.rates.split(",") if rate]
            for found in rates:
                print(f"constant {found['rate']:6,} /s: {found['perSecond']:,.0f} /s, p50 {found['p50']:.2f}, p99 {found['p99']:.2f}, p99.9 {found['p99.9']:.2f}, max {found['max']:.1f} ms", flush=True)
            others = idle_stage(chain) | start_stage(chain)
            for name, value in others.items():
                print(f"{name}: {value:.2f}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    judge(stages, others)
    if options.json:
        options.json.write_text(json.dumps({"load": load, "cores": os.cpu_count(), "body": options.body, "stages": stages, "rates": rates, "others": others}, indent=1) + "\n")


main()
