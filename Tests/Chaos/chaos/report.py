"""What stays of a round in which something was found."""

import shutil
from pathlib import Path

from .check import KINDS, Violation
from .history import History
from .stack import ChaosStack


def write_report(folder: Path, stack: ChaosStack, history: History, found: list[Violation]) -> None:
    """`violations.txt`, `history.json` and the log of each process."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lines = [f"seed {history.seed}", ""]
    for kind in dict.fromkeys(violation.kind for violation in found):
        lines += [f"{kind}: {KINDS[kind]}", *(f"  {violation.text}" for violation in found if violation.kind == kind), ""]
    lines += ["faults, in seconds of the clock of the history:"]
    lines += [
        f"  {incident.began:.3f} to {incident.ended:.3f} {incident.kind} {incident.target}"
        for incident in sorted(history.incidents, key=lambda incident: incident.began)]
    (folder / "violations.txt").write_text("\n".join(lines) + "\n")
    history.write(folder / "history.json")
    for process in stack.processes:
        shutil.copy(process.log, folder / f"{process.name}.log")
