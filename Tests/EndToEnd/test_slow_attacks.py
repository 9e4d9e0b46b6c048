"""slowhttptest's attacks with 1,000 connections, beside an honest client whose latency they must not harm."""

import contextlib
import statistics
import subprocess
import time

import pytest
from harness.clock import running
from harness.http import request
from harness.processes import wait_until
from harness.slow import post
from harness.stack import SERVICE, intent

PATH = SERVICE + "/payment-intents"
BODY = post(PATH, intent()).split(b"\r\n\r\n", 1)[1]
#: The attack ends by itself when all its connections were ended.
CONNECTIONS, SECONDS = 1000, 20
# -i: seconds between what is sent; -x: its bytes; -s: a length that is announced.
ATTACKS = {
    "slow headers": ["-H", "-i", "1", "-x", "24"],
    "slow bodies": ["-B", "-i", "1", "-x", "10", "-s", "8192", "-t", "POST", "-f", "application/json"],
    # Each connection asks for a document twice and takes 5 bytes a second of it.
    "slow reading": ["-X", "-k", "2", "-n", "1", "-w", "512", "-y", "1024", "-z", "5"],
}
# What edge-http counts of them. Small answers fit into the system's buffers, and their connections are idle.
ENDED = {"slow headers": "headerTimeout", "slow bodies": "bodyTimeout", "slow reading": "idle"}
# Long enough for the attacker, which has little of the processors, to have all its connections at once; shorter than the attack, which sees them ended.
TIMES = {f"HTTP_{name}_TIMEOUT": 12_000 for name in ("HEADER", "BODY", "ANSWER", "IDLE")}


def honest(port: int, seconds: float) -> list[float]:
    """Latencies (ms) of payments, one after another on connections of their own; each must be made."""
    taken, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        answer = request(port, "POST", PATH, BODY, {"Content-Type": "application/json"})
        assert answer.status == 201, answer
        taken.append(running(begun) * 1000)
        time.sleep(0.01)
    return taken


def percentile(latencies: list[float], rank: int) -> float:
    return statistics.quantiles(latencies, n=100)[rank - 1]


@contextlib.contextmanager
def attack(port: int, kind: str, folder):
    """Yields where slowhttptest's findings are once it has ended, which it does by itself."""
    path = "/docs/vy-finance-payments.json" if kind == "slow reading" else PATH
    # Attackers are elsewhere and have processors of their own. Much nicer it would get nothing: this broker and its clients never rest.
    command = ["nice", "-n", "5", "slowhttptest", *ATTACKS[kind], "-c", CONNECTIONS, "-r", 500, "-l", SECONDS, "-p", 3, "-g", "-o", folder / "found", "-u", f"http://127.0.0.1:{port}{path}"]
    with (folder / "log").open("wb") as log:
        attacker = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *map(str, command)], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            yield attacker
        finally:
            attacker.kill()
            attacker.wait(10)


@pytest.mark.long
@pytest.mark.timeout(90)
@pytest.mark.parametrize("kind", ATTACKS)
def test_honest_clients_do_not_notice(stack, tmp_path, kind):
    with stack.http_replica("edge-http-attacked", **TIMES) as edge:
        port = stack.ports["edge-http-attacked"]
        honest(port, 1)
        before = honest(port, 4)
        with attack(port, kind, tmp_path) as attacker:
            wait_until(lambda: edge.descriptors() > CONNECTIONS, 11, lambda: f"the attack reaches the edge: {edge.descriptors()} descriptors")
            during = honest(port, 4)
            held = edge.descriptors()
            attacker.wait(SECONDS + 10)
    # Time, then how many connections were closed, pending, connected, and whether its own probe was answered.
    rows = [line.split(",") for line in (tmp_path / "found.csv").read_text().splitlines()[1:]]
    print(f"{kind}: p50 {statistics.median(before):.1f} -> {statistics.median(during):.1f} ms, "
          f"p99 {percentile(before, 99):.1f} -> {percentile(during, 99):.1f} ms, {len(during)} payments, {held} descriptors after them")
    assert rows and all(int(row[4]) > 0 for row in rows), rows
    assert held > CONNECTIONS / 2 and len(during) > 50
    # The attacker is on the same machine after all, so the bounds are wide; a request that waited for one of its connections
    # would take seconds.
    assert statistics.median(during) < 3 * statistics.median(before) + 20
    assert percentile(during, 90) < 3 * percentile(before, 90) + 200
    assert max(during) < 3000
    ended = edge.wait_log("connections ended")
    assert int(ended[ENDED[kind]]) >= CONNECTIONS / 2, ended
