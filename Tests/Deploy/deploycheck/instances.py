"""One process as a deploy file starts it, and the rules that hold however it is started."""

import json
from collections import Counter
from dataclasses import dataclass, field

from .settings import LAST_SECONDS, PORTS, Settings


@dataclass
class Instance:
    where: str
    process: str
    env: dict[str, str]
    stop: float
    """Seconds from SIGTERM until it is killed."""
    user: int
    limits: dict[str, float] = field(default_factory=dict)

    def value(self, name: str, settings: Settings) -> str:
        return self.env.get(name) or settings.defaults[name]

    def number(self, name: str, settings: Settings) -> int:
        return int(self.value(name, settings))

    def seconds(self, name: str, settings: Settings) -> float:
        return self.number(name, settings) / 1000

    def port(self, settings: Settings) -> int:
        return self.number(PORTS[self.process][0], settings)

    def admin_port(self, settings: Settings) -> int:
        return self.number(PORTS[self.process][1], settings)

    def longest_stop(self, settings: Settings) -> float:
        return self.seconds("SHUTDOWN_TIMEOUT", settings) + LAST_SECONDS

    def sockets(self, settings: Settings) -> list[str]:
        """The paths of the bridges that it uses, or its own as a bridge."""
        if self.process == "edge-ws" and "BRIDGE_SOCKET" not in self.env:
            return []
        return self.value("BRIDGE_SOCKET", settings).split(",")


def environment_findings(instance: Instance, settings: Settings) -> list[str]:
    found = []
    for name, value in instance.env.items():
        if not settings.reads(instance.process, name):
            found.append(f"{instance.where}: {instance.process} reads no setting {name}")
        if name in settings.secrets and value:
            found.append(f"{instance.where}: the secret {name} stands in the file; use {name}_FILE")
    if not instance.env.get("INSTANCE"):
        found.append(f"{instance.where}: INSTANCE is not set")
    if instance.stop < (need := instance.longest_stop(settings)):
        found.append(f"{instance.where}: is killed after {instance.stop:g} s, but may need {need:g} s to stop")
    if instance.process == "edge-ws" and instance.number("WS_DRAIN_TIME", settings) >= instance.number("SHUTDOWN_TIMEOUT", settings):
        found.append(f"{instance.where}: WS_DRAIN_TIME is not less than SHUTDOWN_TIMEOUT")
    return found


def neighbour_findings(instances: list[Instance], settings: Settings) -> list[str]:
    """What has to agree between processes that share a socket's folder, a Redis and a broker."""
    found = []
    bridges = [instance for instance in instances if instance.process == "bridge-kafka"]
    served = {bridge.sockets(settings)[0]: bridge for bridge in bridges}
    if len(served) < len(bridges):
        found.append(f"{bridges[0].where}: two bridges have the same BRIDGE_SOCKET")
    for instance in instances:
        if instance.process == "bridge-kafka":
            continue
        for path in instance.sockets(settings):
            if path not in served:
                found.append(f"{instance.where}: BRIDGE_SOCKET names {path}, where no bridge listens")
            elif instance.user not in json.loads(served[path].value("BRIDGE_ALLOWED_UIDS", settings)):
                found.append(f"{instance.where}: runs as {instance.user}, which BRIDGE_ALLOWED_UIDS of {served[path].where} does not have")
    for name in ("KAFKA_REPLY_TIMEOUT_MAX", "CACHE_TTL", "REDIS_HOST", "REDIS_PORT"):
        if len(values := {instance.value(name, settings) for instance in instances}) > 1:
            found.append(f"{instances[0].where} and its neighbours: {name} differs: {', '.join(sorted(values))}")
    for (process, name), count in Counter((instance.process, instance.env.get("INSTANCE")) for instance in instances).items():
        if count > 1:
            found.append(f"{instances[0].where} and its neighbours: {count} of {process} have the INSTANCE {name}")
    partitions = Counter(bridge.value("KAFKA_REPLY_PARTITION", settings) for bridge in bridges)
    for bridge in bridges:
        number = bridge.value("KAFKA_REPLY_PARTITION", settings)
        if not number:
            found.append(f"{bridge.where}: without KAFKA_REPLY_PARTITION two bridges may get the same one")
        elif partitions[number] > 1 or int(number) >= bridge.number("KAFKA_REPLY_PARTITIONS", settings):
            found.append(f"{bridge.where}: KAFKA_REPLY_PARTITION {number} is another bridge's, or beyond KAFKA_REPLY_PARTITIONS")
    return found


def console_findings(hosts: list[tuple[str, Instance]], settings: Settings) -> list[str]:
    """Each edge-http's console names the admin ports of all processes, by the hosts that it knows them by, and no others."""
    wanted = {f"http://{host}:{own.admin_port(settings)}" for host, own in hosts}
    found = []
    for host, own in hosts:
        if own.process == "edge-http" and (named := set(own.value("CONSOLE_PEERS", settings).split(","))) != wanted:
            found.append(f"{own.where}: CONSOLE_PEERS and the admin ports differ: {', '.join(sorted(named ^ wanted))}")
        if own.value("ADMIN_HOST", settings) not in (host, "0.0.0.0"):
            found.append(f"{own.where}: the console cannot reach its ADMIN_HOST")
    return found


def probe_findings(where: str, port: int | str, path: str, instance: Instance, settings: Settings) -> list[str]:
    found = []
    if port != instance.admin_port(settings):
        found.append(f"{where}: asks port {port}, but the admin port of {instance.process} is {instance.admin_port(settings)}")
    if path not in settings.admin_paths:
        found.append(f"{where}: asks for {path}, which is none of {', '.join(sorted(settings.admin_paths))}")
    return found


def span(text: str | int) -> float:
    """Seconds of `20`, `20s`, `500ms`, `2m` or `1h`."""
    text = str(text)
    for unit, factor in (("ms", 0.001), ("s", 1), ("min", 60), ("m", 60), ("h", 3600)):
        if text.endswith(unit) and text.removesuffix(unit).replace(".", "", 1).isdigit():
            return float(text.removesuffix(unit)) * factor
    return float(text)
