"""Does what a schedule says to the processes of a stack, and notes what happened when."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable

from harness.processes import Process, ProcessFailure

from .history import Incident
from .schedule import Fault, family
from .stack import START, ChaosStack

#: Time (s) within which a process has to leave after SIGTERM: SHUTDOWN_TIMEOUT, and what a loaded machine needs.
LEAVE = 20.0
#: Time (s) in which the development broker saves what it has acknowledged, before kill -9 and SIGTERM alike; one that is run in earnest has it at once.
SAVE = 1.6


class FaultRunner:
    def __init__(self, stack: ChaosStack):
        self.stack = stack
        self.incidents: list[Incident] = []
        self.complaints: list[str] = []
        #: How many floods are on, by the bridge's name: then clients of its edges send large bodies.
        self.flooded: dict[str, int] = {}
        self._locks = {process.name: asyncio.Lock() for process in stack.processes}
        #: Processes that are away on purpose.
        self._away: set[str] = set()

    async def run(self, faults: list[Fault], start: float) -> None:
        await asyncio.gather(self._watch(faults), *(self._one(fault, start) for fault in faults))

    async def _one(self, fault: Fault, start: float) -> None:
        await asyncio.sleep(max(0, start + fault.at - time.monotonic()))
        async with self._locks[fault.target]:
            self.look()
            incident = Incident(fault.kind, fault.target, time.monotonic(), float("inf"))
            self.incidents.append(incident)
            self._away.add(fault.target)
            try:
                await getattr(self, f"_{fault.kind}")(fault)
            except (ProcessFailure, OSError) as failure:
                self.complaints.append(f"{fault}: {failure!r}")
            finally:
                self._away.discard(fault.target)
                incident.ended = time.monotonic()

    async def _kill(self, fault: Fault) -> None:
        process = self.stack.named(fault.target)
        await self._end(process, process.kill)
        await self._start_again(process, fault.pause)

    async def _stop(self, fault: Fault) -> None:
        process = self.stack.named(fault.target)
        await self._end(process, process.terminate)
        await self._start_again(process, fault.pause)

    async def _end(self, process: Process, how: Callable[[], None]) -> None:
        async with self._quiet() if process is self.stack.own_broker else contextlib.nullcontext():
            how()
            await asyncio.to_thread(process.wait, LEAVE)

    async def _start_again(self, process: Process, pause: float) -> None:
        await asyncio.sleep(pause)
        process.start()
        await asyncio.to_thread(self.stack.wait_started, process, START)

    async def _freeze(self, fault: Fault) -> None:
        process = self.stack.named(fault.target)
        _signal(process, signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.pause)
        finally:
            _signal(process, signal.SIGCONT)

    async def _flood(self, fault: Fault) -> None:
        """Large bodies fill the socket's buffer while nobody reads it."""
        self.flooded[fault.target] = self.flooded.get(fault.target, 0) + 1
        try:
            await asyncio.sleep(0.3)
            await self._freeze(fault)
            await asyncio.sleep(0.3)
        finally:
            self.flooded[fault.target] -= 1

    async def _errors(self, fault: Fault) -> None:
        self.stack.tell_mock("errors", *fault.numbers)
        await asyncio.sleep(fault.pause)

    async def _outage(self, fault: Fault) -> None:
        self.stack.tell_mock("down")
        await asyncio.sleep(fault.pause)
        self.stack.tell_mock("up")

    async def _slow(self, fault: Fault) -> None:
        self.stack.tell_mock("delay", *fault.numbers)
        await asyncio.sleep(fault.pause)
        self.stack.tell_mock("delay", 0)

    async def _replace(self, fault: Fault) -> None:
        process = self.stack.named(fault.target)
        await asyncio.to_thread(self.stack.successor, process)
        await asyncio.to_thread(process.wait, LEAVE)

    @contextlib.asynccontextmanager
    async def _quiet(self) -> AsyncIterator[None]:
        """Nothing is written to the broker, and it has had the time to save all that it has acknowledged."""
        names = sorted(process.name for process in self.stack.producers())
        for name in names:
            await self._locks[name].acquire()
        frozen = [process for process in self.stack.producers() if process.running]
        try:
            for process in frozen:
                _signal(process, signal.SIGSTOP)
            self.feed_paused = True
            await asyncio.sleep(SAVE)
            yield
        finally:
            self.feed_paused = False
            for process in frozen:
                _signal(process, signal.SIGCONT)
            for name in names:
                self._locks[name].release()

    #: Whether nobody may write to the broker.
    feed_paused = False

    async def _watch(self, faults: list[Fault]) -> None:
        """Nobody ends unasked; who does is started again, so that the others can be judged."""
        end = time.monotonic() + max((fault.at + fault.pause for fault in faults), default=0)
        while time.monotonic() < end:
            self.look()
            await asyncio.sleep(0.1)

    def look(self) -> None:
        for process in self.stack.processes:
            if process.name not in self._away and not process.running:
                self.complaints.append(f"{process.name} ended with {process.child.poll()}\n{process.tail(8)}")
                process.start()


def _signal(process: Process, number: int) -> None:
    if process.running:
        os.killpg(process.pid, number)


def bridge_of(edge: str, bridges: int) -> str:
    """The bridge that an edge prefers."""
    number = int(edge.removeprefix(family(edge) + "-"))
    return f"bridge-{(number - 1) % bridges + 1}"
