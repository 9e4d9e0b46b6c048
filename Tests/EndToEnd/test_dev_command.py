"""`./deploy/dev up` as a newcomer uses it: the printed curl works, a killed process comes back, and nothing survives the end."""

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from harness.http import request
from harness.processes import free_port, wait_until
from harness.stack import ROOT, answers

DEV = str(ROOT / "deploy/dev")
OFFSETS = (0, 1, 2, 3, 50, 52, 54, 100, 101, 102, 103)


def free_base() -> int:
    """A port that is free with all those that follow from it."""
    return wait_until(lambda: not any(answers((p := free_port()) + n) for n in OFFSETS) and p, 10, "free ports")


def alive(pid: int) -> bool:
    """Runs, and is not only waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL], ids=lambda ending: ending.name)
def test_up_and_down(tmp_path, ending):
    port = free_base()
    env = {**os.environ, "DEV_RUN_DIR": str(tmp_path / "run"), "APP_PORT": str(port), "NODE_ENV": "local"}
    for name in ("KAFKA_BROKER", "REDIS_HOST", "REDIS_PORT", "APP_HOST", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        env.pop(name, None)
    output = tmp_path / "output"

    def text() -> str:
        return output.read_text(errors="replace")

    def ask() -> str:
        curl = re.search(r"^ +(curl .*)$", text(), re.M)[1]
        return subprocess.run(["bash", "-c", curl], capture_output=True, text=True, timeout=30).stdout

    with output.open("wb") as file:
        up = subprocess.Popen([DEV, "up"], env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        wait_until(lambda: "Ctrl-C stops" in text() or up.poll() is not None, 200, text, 0.2)
        assert up.poll() is None, text()[-1500:]
        answer = ask()
        assert answer.startswith("HTTP/1.1 201 "), answer
        assert json.loads(answer[answer.index("{"):])["status"] == "requires_confirmation"
        assert b"<html" in request(port, "GET", "/").body
        assert f"http://127.0.0.1:{port + 101}/console" in text()
        peers = request(port + 101, "GET", "/console/data").json()["peers"]
        assert sorted(peer["report"]["instance"] for peer in peers) == ["bridge-1", "edge-http-1", "edge-ws-1", "edge-ws-2"]

        made = re.search(r"^x-request-id: (.*?)\r?$", answer, re.M | re.I)[1]
        wait_until(lambda: b"process vy-gateway.reply" in request(port + 54, "GET", f"/requests/{made}").body, 10, "the trace of the payment")

        pids = {path.name: int(path.read_text()) for path in (tmp_path / "run/pids").iterdir()}
        assert len(pids) == 9
        assert subprocess.run([DEV, "status"], env=env, stdout=subprocess.DEVNULL).returncode == 0
        second = subprocess.run([DEV, "up"], env=env, capture_output=True, text=True)
        assert second.returncode == 1 and "already up" in second.stderr

        os.kill(pids["edge-http"], signal.SIGKILL)
        wait_until(lambda: int((tmp_path / "run/pids/edge-http").read_text()) != pids["edge-http"], 5, text)
        wait_until(lambda: ask().startswith("HTTP/1.1 201 "), 5, text)
        assert "edge-http (pid" in text() and "SIGKILL" in text()

        pids = [int(path.read_text()) for path in (tmp_path / "run/pids").iterdir()]
        up.send_signal(ending)
        up.wait(30)
        wait_until(lambda: not any(alive(pid) for pid in pids), 20, "the end of every child")
    finally:
        if up.poll() is None:
            up.terminate()
            up.wait(60)
        subprocess.run([DEV, "down"], env=env, stdout=subprocess.DEVNULL)


def test_taken_ports_are_said_before_anything_starts(tmp_path):
    port = free_base()
    with socket.create_server(("127.0.0.1", port + 2)):
        env = {**os.environ, "DEV_RUN_DIR": str(tmp_path / "run"), "APP_PORT": str(port)}
        up = subprocess.run([DEV, "up"], env=env, capture_output=True, text=True, timeout=60)
    assert up.returncode == 1
    assert f"port {port + 2} (edge-ws-1) is taken" in up.stderr
    assert not list((tmp_path / "run").glob("pids/*"))


def test_an_unknown_command():
    wrong = subprocess.run([DEV, "upp"], capture_output=True, text=True)
    assert wrong.returncode == 1 and "no such command" in wrong.stderr and "Usage" in wrong.stderr
