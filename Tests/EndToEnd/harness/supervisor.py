"""A service manager that listens to sd_notify, and a way to stop one thread of a process."""

import ctypes
import os
import re
import secrets
import select
import socket
import time
from pathlib import Path

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


class Supervisor:
    """A bound datagram socket; `folder` None: its name is an abstract one."""

    def __init__(self, folder: Path | None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.address = str(folder / "notify") if folder else f"@vy-gateway-{secrets.token_hex(8)}"
        self.socket.bind(self.address.replace("@", "\0", 1))

    def close(self) -> None:
        self.socket.close()

    def messages(self, seconds: float) -> list[tuple[float, str]]:
        """All that is said within that time, with the moments."""
        end, found = time.monotonic() + seconds, []
        while (left := end - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left)[0]:
                found.append((time.monotonic(), self.socket.recv(4096).decode()))
        return found

    def texts(self, seconds: float) -> list[str]:
        return [text for _, text in self.messages(seconds)]

    def wait_for(self, text: str, seconds: float) -> list[str]:
        """What was said up to that text."""
        end, found = time.monotonic() + seconds, []
        while (left := end - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left)[0]:
                found.append(self.socket.recv(4096).decode())
                if found[-1] == text:
                    return found
        raise AssertionError(f"no {text} within {seconds} s, but {found}")


def threads(pid: int, names: str) -> list[int]:
    """Those whose names begin with a match."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sorted(int(task.name) for task in tasks if re.match(names, (task / "comm").read_text()))


class StoppedThread:
    """One thread stands still while the others go on, as if it hung (ptrace(2))."""

    def __init__(self, thread: int):
        self.thread = thread

    def __enter__(self) -> "StoppedThread":
        self._ptrace(PTRACE_SEIZE)
        self._ptrace(PTRACE_INTERRUPT)
        os.waitpid(self.thread, WALL)
        return self

    def __exit__(self, *_) -> None:
        self._ptrace(PTRACE_DETACH)

    def _ptrace(self, what: int) -> None:
        if LIBC.ptrace(ctypes.c_long(what), ctypes.c_long(self.thread), None, None) < 0:
            raise OSError(ctypes.get_errno(), f"ptrace({what:#x}) of thread {self.thread}")
