"""Which faults happen when: all of it follows from a seed, before anything starts."""

import random
from dataclasses import dataclass

#: Each kind of fault, with how often it is chosen at which kind of process. `kill` is kill -9, `stop` SIGTERM, both followed by a start; `freeze`
#: is SIGSTOP and SIGCONT; `replace` starts a second bridge on the same socket; `flood` freezes a bridge while large bodies are sent to it.
WEIGHTS = {
    "bridge": {"kill": 5, "stop": 3, "freeze": 3, "replace": 3, "flood": 2},
    "edge-http": {"kill": 3, "stop": 2, "freeze": 2},
    "edge-ws": {"kill": 4, "stop": 2, "freeze": 2},
    "redis": {"kill": 3, "stop": 2, "freeze": 2},
    "broker": {"kill": 1, "stop": 1, "freeze": 2},
    "demo": {"kill": 1, "stop": 1, "freeze": 2},
}
#: How long (s) a process that was killed stays away or a frozen one stands still: mostly short, sometimes beyond what its peers wait.
PAUSES = ((0.0, 0.3), (0.3, 1.5), (1.5, 4.0), (4.0, 8.0))
#: Time (s) that a process gets to be well again before the next fault at it.
RECOVERY = 2.0


@dataclass(frozen=True)
class Fault:
    at: float
    kind: str
    target: str
    #: How long it is away, or stands still.
    pause: float

    def __str__(self) -> str:
        return f"{self.at:6.2f} s  {self.kind:7} {self.target:11} {self.pause:5.2f} s"


def schedule(seed: str, seconds: float, targets: list[str], *, pace: float = 1.5) -> list[Fault]:
    """Faults at `targets` in the first `seconds`, on average one in `pace` seconds; every kind of process has one before any has many.

    Faults of different processes may overlap; those of one process do not.
    """
    chance = random.Random(f"{seed}/faults")
    free = {target: 0.0 for target in targets}
    counts = {target: 0 for target in targets}
    faults: list[Fault] = []
    at = 1.0
    while True:
        at += chance.uniform(0.2, 2) * pace
        ready = [target for target in targets if free[target] <= at]
        if at >= seconds:
            return faults
        if not ready:
            continue
        least = min(counts[target] for target in ready)
        target = chance.choice([target for target in ready if counts[target] <= least + 1])
        weights = WEIGHTS[family(target)]
        kind = chance.choices(list(weights), list(weights.values()))[0]
        low, high = chance.choices(PAUSES, (3, 4, 2, 1))[0]
        pause = round(min(chance.uniform(low, high), seconds - at), 2)
        faults.append(Fault(round(at, 2), kind, target, pause))
        counts[target] += 1
        free[target] = at + pause + RECOVERY


def family(target: str) -> str:
    """`edge-ws-2` is an `edge-ws`."""
    return target.rstrip("0123456789").rstrip("-")
