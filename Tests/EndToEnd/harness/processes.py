"""One child process: started, watched by its log, killed by its pid."""

import json
import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

from .clock import running


class ProcessFailure(AssertionError):
    pass


def free_port() -> int:
    """A port that is free now; for servers that cannot pick one themselves.

    Below the ports that Linux gives to outgoing connections, so that none of those takes it while its server is down.
    """
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", random.randint(15_000, 32_000)))
            except OSError:
                continue
            return probe.getsockname()[1]


def wait_until(check, seconds: float, what: str, pause: float = 0.02):
    """Returns the first true result of `check`; fails with `what` after `seconds` in which the machine ran."""
    begun = time.monotonic()
    while True:
        result = check()
        if result:
            return result
        if running(begun) >= seconds:
            raise ProcessFailure(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(pause)


class Process:
    """A program with its folder, its settings and its log. `env` may be changed between runs."""

    def __init__(self, name: str, command: list[str], folder: Path, env: dict[str, str] | None = None):
        self.name, self.command, self.folder = name, [str(word) for word in command], folder
        self.env = dict(env or {})
        self.log = folder / "log"
        self.child: subprocess.Popen | None = None
        self.offset = 0
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> "Process":
        assert not self.running, f"{self.name} runs already"
        # Only these settings: what the developer has set for himself must not change a test. The child dies with this process.
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **{k: str(v) for k, v in self.env.items()}}
        with self.log.open("ab") as log:
            self.offset = log.tell()
            self.child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *self.command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                cwd=self.folder, env=env, start_new_session=True,
            )
        return self

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    @property
    def pid(self) -> int:
        assert self.child is not None
        return self.child.pid

    def kill(self) -> None:
        """`kill -9`, of its children as well, and waits until it is gone."""
        assert self.running, f"{self.name} does not run"
        os.killpg(self.pid, signal.SIGKILL)
        self.child.wait(10)

    def terminate(self) -> None:
        self.child.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> int:
        """The exit code."""
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ProcessFailure(f"{self.name} still runs after {seconds} s\n{self.tail()}") from None

    def stop(self) -> None:
        if not self.running:
            return
        self.terminate()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()

    def log_text(self, from_start: bool = False) -> str:
        """What it logged in this run, or in all runs."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(0 if from_start else self.offset)
            return log.read().decode(errors="replace")

    def log_entries(self) -> list[dict]:
        entries = []
        for line in self.log_text().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                entries.append(entry)
        return entries

    def wait_log(self, message: str, seconds: float = 20) -> dict:
        """The first log entry of this run with that message."""

        def found():
            for entry in self.log_entries():
                if entry.get("message") == message:
                    return entry
            if not self.running:
                raise ProcessFailure(f"{self.name} ended with {self.child.poll()}\n{self.tail()}")
            return None

        return wait_until(found, seconds, lambda: f"log line '{message}' of {self.name}\n{self.tail()}")

    def summary(self) -> dict:
        """What an own process that has ended by SIGTERM has counted."""
        return next(entry for entry in self.log_entries() if entry.get("message") == "summary")

    def tail(self, lines: int = 25) -> str:
        text = self.log_text(from_start=True).splitlines()[-lines:]
        return "\n".join(f"  {self.name} | {line[:400]}" for line in text)

    def memory(self) -> int:
        """Resident bytes."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise ProcessFailure(f"no memory figure of {self.name}")

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))
