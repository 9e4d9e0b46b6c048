"""SIGHUP and SIGUSR2 never end a process: not while it starts, not where there is nothing to reload, not while it drains."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest
from harness.processes import Process, free_port, wait_until
from harness.slow import post
from harness.stack import ROOT, binary, intent

NEAR = "127.0.0.1"
RELOADED, NOTHING = "services reloaded", "SIGHUP: nothing to read again"


def settings(name: str, folder: Path) -> dict:
    common = {"ADMIN_HOST": NEAR, "REDIS_HOST": NEAR, "REDIS_PORT": free_port(), "SHUTDOWN_TIMEOUT": 5000, "SERVICES_DIR": ROOT / "deploy/openapi"}
    return common | {
        "bridge-kafka": {"BRIDGE_ADMIN_PORT": 0, "BRIDGE_SOCKET": folder / "own" / "b.sock", "KAFKA_BROKER": f"{NEAR}:{free_port()}"},
        "edge-http": {"HTTP_ADMIN_PORT": 0, "APP_HOST": NEAR, "APP_PORT": 0, "BRIDGE_SOCKET": folder / "own" / "b.sock"},
        "edge-ws": {"WS_ADMIN_PORT": 0, "WS_HOST": NEAR, "WS_PORT": 0},
    }[name]


def heeds(pid: int, number: int) -> bool:
    """The process no longer ends at this signal (proc(5))."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return any(int(lines[field], 16) >> (number - 1) & 1 for field in ("SigIgn", "SigCgt"))


@pytest.mark.parametrize("name,said", [("bridge-kafka", NOTHING), ("edge-ws", NOTHING), ("edge-http", RELOADED)])
def test_from_the_start_to_the_end(tmp_path, name, said):
    (tmp_path / "own").mkdir(mode=0o750)
    process = Process(name, [binary(name)], tmp_path / name, settings(name, tmp_path)).start()
    both = (signal.SIGHUP, signal.SIGUSR2)

    def send() -> None:
        for each in both:
            process.child.send_signal(each)

    try:
        for each in both:
            wait_until(lambda: heeds(process.pid, each), 10, "the process to heed signals", 0.001)
        while "admin listening" not in process.log_text():
            send()
            time.sleep(0.003)
            assert process.running, process.tail()
        wait_until(lambda: send() or said in process.log_text(), 10, process.tail, 0.05)
        process.terminate()
        while process.running and '"stopped"' not in process.log_text():
            send()
            time.sleep(0.003)
        assert process.wait(10) == 0, process.tail()
    finally:
        process.stop()


def test_a_reload_while_it_drains_lets_it_drain(stack):
    with stack.http_replica("edge-http-hup", SHUTDOWN_TIMEOUT=10_000) as edge:
        with socket.create_connection((NEAR, stack.ports[edge.name])) as client:
            sent = time.monotonic()
            client.sendall(post("/e2e/brief", intent("hup", {"delayMs": 2500})))
            time.sleep(0.3)
            edge.terminate()
            wait_until(lambda: stack.readiness(edge) == (False, ["draining"]), 5, edge.tail)
            os.kill(edge.pid, signal.SIGHUP)
            wait_until(lambda: RELOADED in edge.log_text(), 5, edge.tail)
            client.settimeout(10)
            answer = client.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200 ") and b'"userId":"hup"' in answer, (answer, edge.tail())
            assert time.monotonic() - sent >= 2.5
        assert edge.wait(10) == 0
