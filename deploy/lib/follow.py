"""Follows the log files of a folder: every line with its process in front, JSON lines made readable, colours on a terminal."""

import json
import os
import signal
import sys
import time
from pathlib import Path

COLOURS = [36, 33, 35, 32, 34, 96, 93, 95]
LEVEL_COLOURS = {"error": 31, "critical": 31, "warning": 33}
# The same on every line of a process, and so of no use on a terminal.
CONSTANT = {"time", "level", "message", "app", "context", "process", "instance"}


class Follower:
    def __init__(self, folder: Path, only: str | None, colours: bool):
        self.folder, self.only, self.colours = folder, only, colours
        self.files: dict[str, tuple[object, bytes]] = {}

    def paint(self, text: str, code: int | None) -> str:
        return f"\033[{code}m{text}\033[0m" if self.colours and code else text

    def find_files(self, from_end: bool) -> None:
        for path in sorted(self.folder.glob("*.log")):
            name = path.stem
            if name in self.files or (self.only and name != self.only):
                continue
            file = path.open("rb")
            if from_end:
                file.seek(max(0, path.stat().st_size - 4096))
                if file.tell():
                    file.readline()
            self.files[name] = (file, b"")

    def readable(self, line: str) -> str:
        try:
            entry = json.loads(line)
            level, message = entry["level"], entry["message"]
        except (ValueError, KeyError, TypeError):
            return line
        fields = " ".join(f"{key}={value}" for key, value in entry.items() if key not in CONSTANT)
        clock = str(entry.get("time", ""))[11:19]
        return f"{clock} {self.paint(level, LEVEL_COLOURS.get(level))} {message} {self.paint(fields, 2)}".rstrip()

    def poll(self) -> bool:
        """Prints what is new; true when there was something."""
        something = False
        for index, (name, (file, rest)) in enumerate(self.files.items()):
            chunk = file.read()
            if not chunk:
                continue
            something = True
            *lines, rest = (rest + chunk).split(b"\n")
            self.files[name] = (file, rest)
            prefix = self.paint(f"{name:<9} |", COLOURS[index % len(COLOURS)])
            for line in lines:
                print(prefix, self.readable(line.decode(errors="replace")))
        if something:
            sys.stdout.flush()
        return something


def main() -> None:
    folder, only = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
    if only and not (folder / f"{only}.log").exists():
        names = ", ".join(sorted(path.stem for path in folder.glob("*.log")))
        sys.exit(f"deploy/dev: no log of '{only}'; there are: {names}")
    follower = Follower(folder, only, sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    stopping = False

    def stop(*_):
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    follower.find_files(from_end=True)
    try:
        while not stopping:
            if not follower.poll():
                time.sleep(0.1)
                follower.find_files(from_end=False)
        follower.poll()
    except (BrokenPipeError, OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
