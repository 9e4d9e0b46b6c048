"""One stack for all tests; a test that disturbs it leaves it for the next one to be repaired."""

import pytest
from harness.conformance import HEARTBEATS, Engine, server
from harness.sio import Listener
from harness.stack import Stack


@pytest.fixture(scope="session")
def whole_stack():
    with Stack().running() as stack:
        yield stack


@pytest.fixture
def stack(whole_stack, request):
    """The stack with everything running. A test that is not marked `disturbs` must leave every process as it was."""
    whole_stack.repair()
    before = {process.name: process.pid for process in whole_stack.processes}
    offsets = {process.name: process.log.stat().st_size for process in whole_stack.processes}
    yield whole_stack
    report = getattr(request.node, "report", None)
    if report is not None and report.failed:
        for process in whole_stack.processes:
            with process.log.open("rb") as log:
                log.seek(offsets[process.name])
                lines = log.read().decode(errors="replace").splitlines()
            for line in lines[-25:]:
                print(f"{process.name} | {line[:600]}")
    if request.node.get_closest_marker("disturbs") is None:
        after = {process.name: process.pid for process in whole_stack.processes if process.running}
        assert after == before, "a process ended during this test"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.report = outcome.get_result()


@pytest.fixture
def listen(stack):
    """Makes listeners that are closed after the test. `at` is 1 or 2 for a replica, else nginx."""
    made: list[Listener] = []

    def connect(at: int | None = None, **options) -> Listener:
        port = stack.port if at is None else stack.ports[f"edge-ws-{at}"]
        made.append(Listener(port, **options))
        return made[-1]

    yield connect
    for listener in made:
        listener.close()


@pytest.fixture(scope="session")
def eio(tmp_path_factory):
    """Engine.IO alone, which sends back every message; for what is about heartbeats."""
    with server("eio", tmp_path_factory.mktemp("eio"), **HEARTBEATS) as process:
        yield Engine(process.port, "/engine.io/")


@pytest.fixture(scope="session")
def calm(tmp_path_factory):
    """The same with heartbeats every 20 s, for what is not about them: no session ends while a machine stands still for a moment."""
    with server("eio", tmp_path_factory.mktemp("calm"), ping_interval=20_000) as process:
        yield Engine(process.port, "/engine.io/")


@pytest.fixture(scope="session")
def sio(tmp_path_factory):
    with server("sio", tmp_path_factory.mktemp("sio"), **HEARTBEATS) as process:
        yield Engine(process.port, "/socket.io/")


@pytest.fixture(scope="session")
def echo(tmp_path_factory):
    """The port of the WebSocket server that sends back every message."""
    with server("echo", tmp_path_factory.mktemp("echo")) as process:
        yield process.port
