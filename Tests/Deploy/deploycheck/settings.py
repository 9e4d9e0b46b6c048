"""The program's settings, as .env-example and README tell them; unit tests keep both equal to the code."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROCESSES = ("edge-http", "edge-ws", "bridge-kafka")
# The ports that a process listens on: for clients, for operators.
PORTS = {"edge-http": ("APP_PORT", "HTTP_ADMIN_PORT"), "edge-ws": ("WS_PORT", "WS_ADMIN_PORT"), "bridge-kafka": (None, "BRIDGE_ADMIN_PORT")}
# After SHUTDOWN_TIMEOUT: what ProcessOptions.run allows for ending what does not end by itself.
LAST_SECONDS = 4


@dataclass
class Settings:
    defaults: dict[str, str]
    """By name; those that end with `…` stand for all that begin so."""
    readers: dict[str, set[str]]
    """The processes that read a setting."""
    secrets: set[str]
    admin_paths: set[str]
    version: str

    @classmethod
    def read(cls, root: Path) -> "Settings":
        text = (root / ".env-example").read_text()
        defaults, readers, admin_paths = {}, {}, set()
        for help_text, who, name, value in re.findall(r"^# (.+) \((.+)\)\n(?:# )?([A-Z_]+…?)=(.*)$", text, re.M):
            defaults[name] = value
            readers[name] = set(PROCESSES if who == "all" else who.split(", "))
            if name.endswith("_ADMIN_PORT"):
                admin_paths |= set(re.findall(r"`(/\w+)`", help_text))
        secrets = set(re.findall(r"Secret; also as `([A-Z_]+)_FILE`", (root / "README.md").read_text()))
        version = re.search(r'static let version = "(.+)"', (root / "Sources/Shared/Process/ProcessOptions.swift").read_text())[1]
        return cls(defaults, readers, secrets, admin_paths, version)

    def reads(self, process: str, variable: str) -> bool:
        """Whether a process reads this variable of its environment."""
        if variable.endswith("_FILE") and variable.removesuffix("_FILE") in self.secrets:
            variable = variable.removesuffix("_FILE")
        if variable in self.defaults:
            return process in self.readers[variable]
        return any(process in self.readers[name] for name in self.defaults if name.endswith("…") and variable.startswith(name[:-1]))

    def of(self, process: str) -> dict[str, str]:
        return {name: value for name, value in self.defaults.items() if process in self.readers[name] and not name.endswith("…")}


def binary(root: Path, process: str) -> Path | None:
    """The built program, where there is one."""
    folders = [os.environ["VY_GATEWAY_BIN"]] if "VY_GATEWAY_BIN" in os.environ else [root / ".build/debug", root / ".build/release"]
    return next((path for folder in folders if (path := Path(folder) / process).exists()), None)


def run_binary(program: Path, option: str, root: Path, env: dict[str, str]) -> subprocess.CompletedProcess:
    """With this environment alone: no .env file of the developer's."""
    return subprocess.run([program, option, "--env-file", "/dev/null"], cwd=root, env=env, capture_output=True, text=True, timeout=30)
