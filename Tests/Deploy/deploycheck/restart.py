"""deploy/systemd/restart, run with programs that only note what they are asked, and the command of docs/deployment.md that calls it."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from .instances import Instance
from .settings import Settings

# In this order a version that does not work shows before a client is touched.
ORDER = ["bridge-kafka", "edge-http", "edge-ws"]
# Each writes a line. FAILS is a line that fails; one that ends with `*` does so from then on.
FAKE = """#!/bin/bash
words="${0##*/} $*"
echo "$words" >>"$NOTES"
[[ ${0##*/} == curl ]] && words=${words##* }
[[ $FAILS == *"*" && $words == "${FAILS%\\*}" && $(grep -c "$words" "$NOTES") -gt 1 ]] && exit 22
[[ $words != "$FAILS" ]]
"""


def documented(root: Path) -> list[str]:
    """The units of the command."""
    command = re.search(r"^/usr/local/lib/vy-gateway/restart ((?:.*\\\n)*.*)$", (root / "docs/deployment.md").read_text(), re.M)
    return command[1].replace("\\\n", " ").split() if command else []


def run(root: Path, units: list[str], fails: str = "") -> tuple[subprocess.CompletedProcess, list[str]]:
    """With what it called: `systemctl restart UNIT`, `curl … URL`, `sleep SECONDS`."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("systemctl", "curl", "sleep"):
            (Path(folder) / name).write_text(FAKE)
            (Path(folder) / name).chmod(0o755)
        notes = Path(folder) / "notes"
        env = {"PATH": f"{folder}:{os.environ['PATH']}", "NOTES": str(notes), "FAILS": fails}
        done = subprocess.run([root / "deploy/systemd/restart", *units], env=env, capture_output=True, text=True, timeout=30)
        return done, notes.read_text().splitlines() if notes.exists() else []


def readyz(own: Instance, settings: Settings) -> str:
    return f"http://127.0.0.1:{own.admin_port(settings)}/readyz"


def findings(root: Path, instances: list[Instance], settings: Settings) -> list[str]:
    by_unit = {own.where.removesuffix(".service"): own for own in instances}
    units = documented(root)
    found = []
    if set(units) != by_unit.keys() or len(units) != len(by_unit):
        found.append(f"docs/deployment.md: an upgrade does not restart {', '.join(sorted(by_unit.keys() ^ set(units))) or 'each unit once'}")
    order = [ORDER.index(by_unit[unit].process) for unit in units if unit in by_unit]
    if order != sorted(order):
        found.append("docs/deployment.md: an upgrade does not go from bridges over edge-http to edge-ws")
    for own in instances:
        unit = own.where.removesuffix(".service")
        calls = run(root, [unit])[1]
        if calls[:1] != [f"systemctl restart {unit}"] or not (asked := {call.split()[-1] for call in calls if call.startswith("curl ")}):
            found.append(f"deploy/systemd/restart: does not restart {unit} and ask for its readiness")
        elif asked != {readyz(own, settings)}:
            found.append(f"deploy/systemd/restart: asks {', '.join(sorted(asked))} for {unit}, not {readyz(own, settings)}")
    return found
