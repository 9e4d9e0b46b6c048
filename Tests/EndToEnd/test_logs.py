"""The log of a real process: for a person at a terminal, for a machine elsewhere, and more of it while it runs."""

import json
import os
import pty
import re
import signal
import subprocess
import time

import pytest
from harness.processes import wait_until
from harness.stack import ROOT, binary

SETTINGS = {"ADMIN_HOST": "127.0.0.1", "APP_HOST": "127.0.0.1", "APP_PORT": "0", "HTTP_ADMIN_PORT": "0", "BRIDGE_SOCKET": "none.sock", "INSTANCE": "logs"}


class Terminal:
    """edge-http with a terminal as its output, or with a pipe."""

    def __init__(self, folder, **settings):
        self.output, theirs = pty.openpty() if settings.pop("terminal") else os.pipe()
        self.process = subprocess.Popen(
            [binary("edge-http")], cwd=folder, env={**SETTINGS, "SERVICES_DIR": str(ROOT / "deploy/openapi"), **settings}, stdout=theirs, stderr=subprocess.STDOUT)
        os.close(theirs)
        os.set_blocking(self.output, False)
        self.text = ""

    def read(self) -> str:
        try:
            self.text += os.read(self.output, 1 << 16).decode()
        except (BlockingIOError, OSError):
            pass
        return self.text

    def wait_for(self, pattern: str) -> None:
        wait_until(lambda: re.search(pattern, self.read(), re.M), 10, lambda: f"{pattern} in {self.text}")

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        os.close(self.output)


@pytest.fixture
def terminal(tmp_path):
    made = []

    def start(**settings) -> Terminal:
        made.append(Terminal(tmp_path, **settings))
        return made[-1]

    yield start
    for one in made:
        one.close()


def test_a_person_at_a_terminal_reads_text(terminal):
    run = terminal(terminal=True, NODE_ENV="local")
    run.wait_for(r"^\d\d:\d\d:\d\d\.\d{3} \x1b\[32mINFO\x1b\[0m     listening\x1b\[2m host=127\.0\.0\.1 port=\d+\x1b\[0m\r$")
    assert "{" not in run.text.split("\n")[0]


def test_colours_can_be_refused(terminal):
    run = terminal(terminal=True, NODE_ENV="local", NO_COLOR="1")
    run.wait_for(r"^\d\d:\d\d:\d\d\.\d{3} INFO     listening host=127\.0\.0\.1 port=\d+\r$")
    assert "\x1b" not in run.text


@pytest.mark.parametrize("settings", [{"terminal": True, "NODE_ENV": "production"}, {"terminal": False, "NODE_ENV": "local"}])
def test_machines_read_json(terminal, settings):
    run = terminal(**settings)
    run.wait_for('"message":"listening"')
    assert json.loads(run.text.splitlines()[0])["message"] == "starting"


def test_a_signal_makes_a_running_process_tell_more_and_again_less(terminal):
    run = terminal(terminal=False, LOG_STREAM_LEVEL="warn")
    run.wait_for('"message":"bridge lost"')
    time.sleep(0.5)
    run.process.send_signal(signal.SIGUSR2)
    run.wait_for('"message":"log level changed".*"to":"debug"')
    run.process.send_signal(signal.SIGUSR2)
    run.wait_for('"level":"warning","message":"log level changed".*"to":"warning"')
    run.process.terminate()
    assert run.process.wait(15) == 0
    assert '"message":"stopped"' not in run.read()
