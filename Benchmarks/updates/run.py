#!/usr/bin/env python3
"""Measures what a status update takes of the bridge and of Redis, from Kafka to PUBLISH.

./deploy/dev bench updates [--rates 500,1500,0] [--seconds 8] ...; docs/sizing.md says where its figures go.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "Tests/EndToEnd"), str(ROOT / "Benchmarks/http")]

from chain import cpu_seconds, machine  # noqa: E402
from harness.http import request  # noqa: E402
from harness.kafka import Kafka  # noqa: E402
from harness.processes import Process, free_port, wait_until  # noqa: E402

TOPICS = [f"bench-updates-{number}" for number in range(4)]
# Updates that wait in Kafka when the bridge is to take them as fast as it can.
BACKLOG = 20_000


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=Path, default=ROOT / ".build/release")
    parser.add_argument("--noida-db", default=os.environ.get("NOIDA_DB"), help="the broker's program")
    parser.add_argument("--rates", default="500,1500,0", help=f"updates a second, of {len(TOPICS)} partitions; 0: {BACKLOG} that wait already (%(default)s)")
    parser.add_argument("--seconds", type=float, default=8, help="length of each rate (%(default)s)")
    parser.add_argument("--users", type=int, default=1000, help="whose updates they are (%(default)s)")
    parser.add_argument("--body", type=int, default=500, help="bytes of an update (%(default)s)")
    parser.add_argument("--json", type=Path, help="where the results go")
    return parser.parse_args()


class Updates:
    def __init__(self, folder: Path, options: argparse.Namespace):
        self.options = options
        self.kafka = Kafka(f"127.0.0.1:{free_port()}")
        self.redis_port = free_port()
        (folder / "data").mkdir()
        self.redis = Process("redis", [
            "redis-server", "--bind", "127.0.0.1", "--port", self.redis_port, "--dir", folder, "--save", "", "--appendonly", "no"], folder / "redis")
        self.broker = Process("broker", [
            options.noida_db, "start", "--only", "kafka", "--host", "127.0.0.1", "--kafka-port", self.kafka.broker.rpartition(":")[2],
            "--data-dir", folder / "data"], folder / "broker")
        self.bridge = Process("bridge", [options.binaries / "bridge-kafka"], folder / "bridge", {
            "NODE_ENV": "test", "LOG_STREAM_LEVEL": "info", "INSTANCE": "bench", "ADMIN_HOST": "127.0.0.1", "BRIDGE_ADMIN_PORT": 0,
            "BRIDGE_SOCKET": folder / "bridge.sock", "KAFKA_BROKER": self.kafka.broker, "KAFKA_STATUS_TOPICS": json.dumps(TOPICS),
            "REDIS_HOST": "127.0.0.1", "REDIS_PORT": self.redis_port})
        self.admin = self.sent = 0

    def start(self) -> None:
        self.redis.start()
        self.broker.start()
        wait_until(self.kafka.answers, 20, "the broker")
        for topic in TOPICS:
            self.kafka.produce(topic, self.update())
        self.sent = len(TOPICS)
        self.start_bridge()

    def start_bridge(self) -> None:
        self.bridge.start()
        self.admin = int(self.bridge.wait_log("admin listening")["port"])
        wait_until(lambda: request(self.admin, "GET", "/readyz").status == 200, 20, "the bridge is ready")

    def stop(self) -> None:
        for process in (self.bridge, self.broker, self.redis):
            process.stop()

    def update(self) -> bytes:
        text = json.dumps({
            "id": f"pi_{self.sent}", "object": "payment_intent", "userId": f"u{self.sent % self.options.users}", "status": "processing", "amount": 1999, "text": ""})
        return (text[:-2] + "x" * (self.options.body - len(text)) + '"}').encode()

    def written(self) -> int:
        return request(self.admin, "GET", "/counters").json()["status"]["written"]

    def send(self, count: int, rate: float) -> None:
        """At a constant rate, or at once."""
        with self.kafka.producer(TOPICS[0]) as a, self.kafka.producer(TOPICS[1]) as b, self.kafka.producer(TOPICS[2]) as c, self.kafka.producer(TOPICS[3]) as d:
            begun = time.monotonic()
            for number in range(count):
                if rate and (wait := begun + number / rate - time.monotonic()) > 0:
                    time.sleep(wait)
                (a, b, c, d)[number % len(TOPICS)](f"u{self.sent % self.options.users}", self.update())
                self.sent += 1

    def commands(self) -> dict[str, tuple[int, int]]:
        """Calls of each command of Redis, and microseconds."""
        text = subprocess.run(["redis-cli", "-p", str(self.redis_port), "info", "commandstats"], capture_output=True, text=True, check=True).stdout
        found = {}
        for line in text.splitlines():
            if line.startswith("cmdstat_"):
                name, _, figures = line.removeprefix("cmdstat_").partition(":")
                values = dict(pair.split("=") for pair in figures.split(","))
                found[name] = (int(values["calls"]), int(values["usec"]))
        return found

    def measure(self, rate: float) -> dict:
        count = round(rate * self.options.seconds) or BACKLOG
        if rate == 0:
            self.bridge.stop()
            self.send(count, 0)
        expected = self.written() + count if rate else count
        subprocess.run(["redis-cli", "-p", str(self.redis_port), "config", "resetstat"], capture_output=True, check=True)
        before = {process.name: cpu_seconds(process) if process.running else 0.0 for process in (self.redis, self.bridge)}
        begun = time.monotonic()
        if rate:
            self.send(count, rate)
        else:
            self.start_bridge()
        wait_until(lambda: self.written() >= expected, 60, "all updates are in Redis", pause=0.02)
        took = time.monotonic() - begun
        commands = self.commands()
        script = commands["eval"][1]
        # What a script calls is counted by itself as well.
        inner = sum(usec for name, (_, usec) in commands.items() if name in ("get", "set", "xrevrange", "xadd", "pexpire", "publish", "time"))
        return {
            "rate": rate, "updates": count, "perSecond": count / took,
            **{f"{name}_us": 1e6 * (cpu_seconds(process) - before[name]) / count for name, process in (("redis", self.redis), ("bridge", self.bridge))},
            "script_us": script / count, "commands_us": inner / count, "commands": commands}


def main() -> None:
    options = arguments()
    load = os.getloadavg()
    print(f"{machine(load)}; updates of {options.body} bytes", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="vy-bench-", dir="/tmp"))
    stages = []
    try:
        updates = Updates(folder, options)
        try:
            updates.start()
            for rate in map(float, options.rates.split(",")):
                stages.append(updates.measure(rate))
                found = stages[-1]
                print(f"{f'{rate:,.0f} /s' if rate else 'backlog':>8}: {found['perSecond']:8,.0f} /s, CPU of Redis {found['redis_us']:.0f} us an update, of the bridge {found['bridge_us']:.0f}; "
                      f"the script {found['script_us']:.1f} us, of which its commands {found['commands_us']:.1f}", flush=True)
        finally:
            updates.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps({"load": load, "cores": os.cpu_count(), "stages": stages}, indent=1) + "\n")


main()
