"""Time as a test may judge it: a machine that stands still for a moment, or is busy elsewhere, is not slow gateway."""

import os
import threading
import time
from collections import deque

#: Seconds between two looks at the clock, and the lateness from which on it counts as a halt.
PAUSE, NOTICED = 0.01, 0.04


class _Watch(threading.Thread):
    """Notes when this CPU did not run it although it was its turn."""

    def __init__(self, cpu: int):
        super().__init__(daemon=True, name=f"halts of CPU {cpu}")
        self.cpu, self.last = cpu, time.monotonic()
        self.halts: deque[tuple[float, float]] = deque(maxlen=10_000)
        self.lock = threading.Lock()
        self.start()

    def run(self) -> None:
        os.sched_setaffinity(0, {self.cpu})  # of this thread alone
        while True:
            time.sleep(PAUSE)
            with self.lock:
                now = time.monotonic()
                if now - self.last > PAUSE + NOTICED:
                    self.halts.append((self.last + PAUSE, now))
                self.last = now

    def halted(self, begin: float, end: float) -> float:
        with self.lock:
            last, halts = self.last, list(self.halts)
        if end - last > PAUSE + NOTICED:  # It has not woken up yet.
            halts.append((last + PAUSE, end))
        return sum(max(0, min(end, until) - max(begin, since)) for since, until in halts)


_watches = [_Watch(cpu) for cpu in sorted(os.sched_getaffinity(0))]


def running(begin: float, end: float | None = None) -> float:
    """Seconds of [`begin`, `end` or now] (of `time.monotonic`) in which the machine ran: for "at most". "At least" is for the clock itself."""
    end = time.monotonic() if end is None else end
    return end - begin - max(watch.halted(begin, end) for watch in _watches)
