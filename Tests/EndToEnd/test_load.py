"""Load through the whole chain, and stops under load."""

import asyncio
import threading
import time
from collections import Counter

import pytest
from harness.load import Load
from harness.processes import wait_until

TOPIC = "vy-finance-payments.payment-intents.create"


@pytest.mark.long
@pytest.mark.timeout(300)
def test_50_000_requests_at_64_connections(stack):
    """None lost, none answered twice, exactly one message each, and flat memory."""
    memory: dict[int, dict[str, int]] = {}

    def sample(count: int):
        return lambda: memory.__setitem__(count, {process.name: process.memory() for process in stack.own})

    load = Load(stack.port, connections=64, prefix="fifty")
    result = asyncio.run(load.run(50_000, at={count: sample(count) for count in range(10_000, 50_001, 10_000)}))
    print(f"{result.seconds:.1f} s, {50_000 / result.seconds:.0f}/s, p50 {result.percentile(0.5) * 1000:.1f} ms, p99 {result.percentile(0.99) * 1000:.1f} ms")
    for name in memory[10_000]:
        print(f"{name:10} " + "  ".join(f"{memory[count][name] / 2**20:.1f} MiB" for count in sorted(memory)))
    assert result.broken == [] and result.wrong == []
    assert result.answers == Counter({(201, None): 50_000})
    assert len(result.created) == 50_000
    records = Counter(record["headers"].get("x-request-id", "") for record in stack.kafka.records(TOPIC))
    sent = {name: count for name, count in records.items() if name.startswith("fifty-")}
    assert len(sent) == 50_000
    assert set(sent.values()) == {1}, "one message for each request"
    # By then the bridge remembers as many handed-over replies as it ever does (8 MiB).
    for name, first in memory[20_000].items():
        last = memory[50_000][name]
        assert last - first < max(8 * 2**20, first * 0.15), f"{name} grew from {first} to {last} bytes"


@pytest.mark.long
@pytest.mark.disturbs
@pytest.mark.parametrize("name", ["edge-http", "bridge", "edge-ws-1", "edge-ws-2"])
def test_a_graceful_stop_under_load_fails_no_request(stack, name):
    """SIGTERM: what is in flight is answered; what comes later is 503, not sent; the exit code is 0."""
    process = stack.named(name)
    load = Load(stack.port, connections=16, prefix=f"stop-{name}", demo={"delayMs": 20})
    results = []
    worker = threading.Thread(target=lambda: results.append(asyncio.run(load.run())))
    worker.start()
    try:
        wait_until(lambda: load.result.answers[201, None] > 200, 10, "load")
        process.terminate()
        code = process.wait(10)
        time.sleep(0.5)
        process.start()
        stack.wait_started(process)
        stack.wait_ready(process)
        after = load.result.answers[201, None]
        wait_until(lambda: load.result.answers[201, None] > after + 100, 10, "load after the restart")
    finally:
        load.stopped = True
        worker.join(30)
    [result] = results
    print(dict(result.answers), result.broken[:3])
    assert code == 0
    assert result.broken == [] and result.wrong == []
    assert set(result.answers) <= {(201, None), (503, "not_sent")}, result.answers
