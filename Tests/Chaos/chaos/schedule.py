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
    # librdkafka's mock cluster: `errors` are answers of a broker in trouble, in an `outage` all connections are cut and none is taken, `slow` delays each answer.
    "mock": {"errors": 5, "outage": 2, "slow": 1, "freeze": 1},
    "demo": {"kill": 1, "stop": 1, "freeze": 2},
}
#: APIs of Kafka and what they may answer (error codes of the protocol; -195 cuts the connection): leader moved or not there, timed out, too few
#: replicas before and after the append, not allowed, coordinator moved, loading or not there, rebalance, a commit from a former generation.
ERRORS = {
    0: (3, 5, 6, 7, 19, 20, 29, 72, -195),  # Produce
    1: (3, 6, -195),  # Fetch
    2: (5, 6, -195),  # ListOffsets
    3: (5, -195),  # Metadata
    8: (14, 15, 16, 22, -195),  # OffsetCommit
    10: (15, -195),  # FindCoordinator
    12: (16, 22, 27, -195),  # Heartbeat
    22: (14, 15, -195),  # InitProducerId
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
    #: Of `errors`, the API and the codes of its next answers; of `slow`, milliseconds.
    numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.at:6.2f} s  {self.kind:7} {self.target:11} {self.pause:5.2f} s  {' '.join(map(str, self.numbers))}".rstrip()


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
        # The mock cluster may take a minute to let a consumer that was killed back into its group.
        weights = {"freeze": 1} if target == "demo" and "mock" in targets else WEIGHTS[family(target)]
        kind = chance.choices(list(weights), list(weights.values()))[0]
        low, high = chance.choices(PAUSES, (3, 4, 2, 1))[0]
        pause = round(min(chance.uniform(low, high), seconds - at), 2)
        faults.append(Fault(round(at, 2), kind, target, pause, _numbers(chance, kind)))
        counts[target] += 1
        free[target] = at + pause + RECOVERY


def _numbers(chance: random.Random, kind: str) -> tuple[int, ...]:
    if kind == "slow":
        return (chance.randint(50, 1500),)
    if kind != "errors":
        return ()
    api = chance.choices(list(ERRORS), [5 if api == 0 else 1 for api in ERRORS])[0]
    return (api, *[chance.choice(ERRORS[api])] * chance.choice((1, 1, 2, 5, 20)))


def family(target: str) -> str:
    """`edge-ws-2` is an `edge-ws`."""
    return target.rstrip("0123456789").rstrip("-")
