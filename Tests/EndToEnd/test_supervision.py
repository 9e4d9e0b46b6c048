"""What each process tells a service manager (sd_notify), seen from its socket."""

import os
import signal
import time

import pytest
from harness.clock import running
from harness.http import request
from harness.processes import Process, wait_until
from harness.supervisor import StoppedThread, Supervisor, threads
from harness.uds import Peer

WATCHDOG = 1.0
MANY = pytest.mark.parametrize("name", ["bridge", "edge-http", "edge-ws-1"])
LOOPS = r"NIO-SGLTN-\d+-"


@pytest.fixture
def supervised(stack, tmp_path):
    """Starts a copy of a process of the stack under a supervisor."""
    made: list = []

    def start(name: str, *, abstract: bool = False, **settings):
        original = stack.named(name)
        supervisor = Supervisor(None if abstract else tmp_path)
        process = Process(f"{name}-supervised", original.command, tmp_path / name, {
            **original.env, "INSTANCE": f"{name}-supervised", "KAFKA_GROUP": "supervised",
            "BRIDGE_ADMIN_PORT": 0, "APP_PORT": 0, "HTTP_ADMIN_PORT": 0, "WS_PORT": 0, "WS_ADMIN_PORT": 0,
            "NOTIFY_SOCKET": supervisor.address, "WATCHDOG_USEC": int(WATCHDOG * 1_000_000), **settings})
        if name == "bridge":
            process.env["BRIDGE_SOCKET"] = tmp_path / "run" / "bridge.sock"
        made.extend((process, supervisor))
        return process.start(), supervisor

    yield start
    for process, supervisor in zip(made[::2], made[1::2]):
        process.stop()
        supervisor.close()


@MANY
def test_a_process_tells_when_it_listens_lives_and_drains(supervised, name):
    process, supervisor = supervised(name, abstract=name == "edge-http")
    supervisor.wait_for("READY=1", 20)
    process.wait_log("listening", 2)
    begun = time.monotonic()
    signs = supervisor.messages(3 * WATCHDOG)
    assert {text for _, text in signs} == {"WATCHDOG=1"}
    assert len(signs) <= 7, "twice in the time that it may be silent"
    moments = [begun, *(moment for moment, _ in signs), time.monotonic()]
    assert all(running(earlier, later) < WATCHDOG for earlier, later in zip(moments, moments[1:])), moments
    process.terminate()
    assert set(supervisor.wait_for("STOPPING=1", 10)) <= {"WATCHDOG=1", "STOPPING=1"}
    assert process.wait(15) == 0


def test_a_bridge_that_says_ready_can_be_connected_to(supervised):
    process, _ = supervised("bridge")
    for _ in range(5):
        admin = int(process.wait_log("admin listening")["port"])
        wait_until(lambda: request(admin, "GET", "/readyz").status == 200, 20, "the bridge is ready", pause=0)
        with Peer(process.env["BRIDGE_SOCKET"]) as peer:
            peer.hello()
            assert peer.receive()["type"] == "welcome"
        process.stop()
        process.start()


@MANY
def test_a_frozen_process_gives_no_sign_of_life(supervised, name):
    process, supervisor = supervised(name)
    supervisor.wait_for("READY=1", 20)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        supervisor.texts(0.2)
        assert supervisor.texts(2 * WATCHDOG) == []
    finally:
        os.kill(process.pid, signal.SIGCONT)
    supervisor.wait_for("WATCHDOG=1", WATCHDOG)


@pytest.mark.skipif(os.geteuid() != 0, reason="ptrace of a process that is no child's child needs root")
@MANY
def test_one_event_loop_that_hangs_is_enough(supervised, name):
    process, supervisor = supervised(name)
    supervisor.wait_for("READY=1", 20)
    # The first ones: threads that a loop starts, as for Kafka, inherit its name.
    loops = threads(process.pid, LOOPS)[:os.cpu_count()]
    assert len(loops) == os.cpu_count()
    with StoppedThread(loops[-1]):
        supervisor.texts(0.7 * WATCHDOG)  # a question may have been answered before
        assert supervisor.texts(2 * WATCHDOG) == []
    supervisor.wait_for("WATCHDOG=1", WATCHDOG)
    assert any(entry.get("message") == "event loops do not turn" for entry in process.log_entries())


def test_a_watchdog_for_another_process_is_not_answered(supervised):
    _, supervisor = supervised("edge-http", WATCHDOG_PID=1)
    supervisor.wait_for("READY=1", 20)
    assert supervisor.texts(2 * WATCHDOG) == []


def test_a_supervisor_that_cannot_be_told_is_a_warning(supervised):
    process, _ = supervised("edge-http", NOTIFY_SOCKET="vsock:2:1")
    process.wait_log("listening")
    assert process.wait_log("not supervised")["level"] == "warning"
