#!/usr/bin/env python3
"""Measures edge-ws with a real redis-server: starts both, runs the driver, prints a table, writes JSON.

./deploy/dev bench ws [--connections 10000,15000] [--seconds 10] ...; docs/performance.md says what the figures mean.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/EndToEnd"))

from harness.processes import Process, free_port, wait_until  # noqa: E402

SOURCES = ["main.c", "client.c", "publisher.c", "bare.c", "measure.c"]
# What the issue asks for on the development machine: (stage, figure, at most or at least, value).
TARGETS = {
    "kb_per_connection": ("<=", 8.0), "connects_per_second": (">=", 6000),
    "unicast_p99_ms": ("<=", 20.0), "deliveries_per_second": (">=", 200_000),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / ".build/release/edge-ws")
    parser.add_argument("--connections", default="10000,15000", help="a run for each number")
    parser.add_argument("--rates", default="1000,5000,10000,20000", help="unicasts a second")
    parser.add_argument("--seconds", default="10", help="length of each rate")
    parser.add_argument("--settle", default="30", help="seconds that idle connections are held; a heartbeat comes every 25")
    parser.add_argument("--crowd", default="5000", help="sockets of the one user of the fan-out, growing numbers with commas; 0: no fan-out")
    parser.add_argument("--messages", default="40", help="messages of the fan-out, and more of them to a small crowd")
    parser.add_argument("--concurrency", default="256", help="connections in the making at a time")
    parser.add_argument("--json", type=Path, help="where the results go")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="a setting of edge-ws")
    parser.add_argument("--profile", help="command put in front of edge-ws, for instance a profiler's")
    return parser.parse_args()


def allow_descriptors(wanted: int) -> None:
    """The servers and the driver inherit the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted:
        raise SystemExit(f"{wanted} descriptors are needed, ulimit -Hn allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def build(folder: Path) -> Path:
    driver = folder / "driver"
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"]
    subprocess.run([os.environ.get("CC", "gcc"), *flags, "-o", driver, *SOURCES], cwd=Path(__file__).parent, check=True)
    return driver


def measure(options: argparse.Namespace, connections: str, driver: Path, folder: Path) -> list[dict]:
    port = free_port()
    redis = Process("redis", [
        "redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", folder / "redis", "--save", "", "--appendonly", "no",
    ], folder / "redis")
    command = [*(options.profile or "").split(), options.binary]
    edge = Process("edge-ws", command, folder / "edge-ws", {
        "NODE_ENV": "test", "INSTANCE": "bench", "WS_HOST": "127.0.0.1", "WS_PORT": 0, "ADMIN_HOST": "127.0.0.1", "WS_ADMIN_PORT": 0,
        "REDIS_HOST": "127.0.0.1", "REDIS_PORT": port, "WS_MAX_CONNECTIONS": int(connections) + largest(options.crowd) + 100,
        "WS_MAX_CONNECTIONS_PER_USER": max(1, largest(options.crowd)),
        **dict(setting.split("=", 1) for setting in options.env),
    })
    try:
        redis.start()
        wait_until(lambda: "Ready to accept connections" in redis.log_text(), 20, "redis-server")
        edge.start()
        server_port = edge.wait_log("listening", 60)["port"]
        wait_until(lambda: edge.log_text().count("redis connected") >= 2, 20, "edge-ws and its Redis")
        time.sleep(1)
        child = subprocess.Popen([
            driver, "--server-port", str(server_port), "--server-pid", str(edge.pid), "--redis-port", str(port), "--redis-pid", str(redis.pid),
            "--connections", connections, "--rates", options.rates, "--seconds", options.seconds, "--settle", options.settle,
            "--crowds", options.crowd, "--messages", options.messages, "--concurrency", options.concurrency,
        ], stdout=subprocess.PIPE, text=True)
        stages = []
        for line in child.stdout:
            stages.append(json.loads(line))
            show(stages[-1], stages)
        if child.wait() != 0:
            print(edge.tail(), file=sys.stderr)
            raise SystemExit("the driver failed")
        return stages
    finally:
        edge.stop()
        redis.stop()


def largest(numbers: str) -> int:
    """Of a list with commas."""
    return max(map(int, numbers.split(",")))


def verdict(name: str, value: float) -> str:
    relation, target = TARGETS[name]
    met = value <= target if relation == "<=" else value >= target
    return f"target {relation} {target:g}: {'met' if met else 'MISSED'}"


def show(stage: dict, stages: list[dict]) -> None:
    """One line of the table."""
    name = stage["stage"]
    cpu = stage.get("cpu", {})
    load = " ".join(f"{who} {cpu[who]:.2f}" for who in ("edge", "redis", "driver", "others") if who in cpu)
    if name == "connect":
        cost = 1e6 * cpu["edge_seconds"] / stage["connections"]
        text = (f"{stage['connects_per_second']:,.0f} connects/s, joined p50 {stage['p50_ms']:.1f} ms p99 {stage['p99_ms']:.1f} ms, "
                f"{cost:.0f} us of edge-ws each; {verdict('connects_per_second', stage['connects_per_second'])}")
    elif name == "memory":
        text = (f"{stage['kb_per_connection']:.2f} kB RSS per idle connection ({stage['anonymous_kb_per_connection']:.2f} anonymous), "
                f"{stage['settled_kb'] / 1024:.0f} MB in all; {verdict('kb_per_connection', stage['kb_per_connection'])}")
    elif name in ("unicast", "floor"):
        text = (f"{stage['rate']:>6,.0f}/s  p50 {stage['p50_ms']:7.2f}  p99 {stage['p99_ms']:7.2f}  max {stage['max_ms']:7.2f} ms, "
                f"received {stage['received']} of {stage['sent']}")
        if stage["misplaced"]:
            text += f", MISPLACED {stage['misplaced']}"
        if name == "unicast":
            floor = next((s for s in reversed(stages) if s["stage"] == "floor" and s["rate"] == stage["rate"]), None)
            if floor and floor["p99_ms"] > 0:
                text += f"; {stage['p50_ms'] / floor['p50_ms']:.1f}x and {stage['p99_ms'] / floor['p99_ms']:.1f}x the floor's"
            text += f"; {1e6 * cpu['edge_seconds'] / stage['sent']:.0f} us of edge-ws each"
            if stage["rate"] == 20_000:
                text += f"; {verdict('unicast_p99_ms', stage['p99_ms'])}"
    elif name in ("fanout", "fanout_burst"):
        cost = 1e6 * cpu["edge_seconds"] / (stage["sockets"] * stage["messages"])
        text = f"{stage['deliveries_per_second']:,.0f} deliveries/s to {stage['sockets']:,} sockets, {cost:.2f} us of edge-ws each"
        if name == "fanout":
            text += f"; {verdict('deliveries_per_second', stage['deliveries_per_second'])}"
    elif name == "bare":
        join = next(s for s in stages if s["stage"] == "connect")
        fan = next(s for s in stages if s["stage"] == "fanout" and s["sockets"] == stage["connections"])
        text = (f"{stage['connects_per_second']:,.0f} connects/s and {stage['deliveries_per_second']:,.0f} deliveries/s to {stage['connections']:,} without a protocol; edge-ws has "
                f"{join['connects_per_second'] / stage['connects_per_second']:.2f} and {fan['deliveries_per_second'] / stage['deliveries_per_second']:.2f} of it")
    else:
        text = f"{stage['lost']} connections lost"
    print(f"{name:12} {text}{'  [cores: ' + load + ']' if load else ''}", flush=True)


def main() -> None:
    options = arguments()
    if not options.binary.exists():
        raise SystemExit(f"{options.binary} is not built: swift build -c release --product edge-ws")
    if not shutil.which("redis-server"):
        raise SystemExit("redis-server is missing")
    counts = options.connections.split(",")
    allow_descriptors(max(*map(int, counts), largest(options.crowd)) + 200)
    results = {"machine": {"cores": os.cpu_count(), "kernel": os.uname().release}, "runs": []}
    folder = Path(tempfile.mkdtemp(prefix="vy-bench-", dir="/tmp"))
    try:
        driver = build(folder)
        for connections in counts:
            load = os.getloadavg()
            print(f"{connections} connections; load of the machine before: {load[0]:.2f} {load[1]:.2f} {load[2]:.2f}, {os.cpu_count()} cores", flush=True)
            stages = measure(options, connections, driver, folder / connections)
            results["runs"].append({"connections": int(connections), "load_before": load, "stages": stages})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


main()
