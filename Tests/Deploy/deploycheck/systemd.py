"""The units under deploy/systemd with their drop-ins, for the replicas that docs/deployment.md starts."""

import ipaddress
import re
from pathlib import Path

from . import restart
from .instances import Instance, console_findings, environment_findings, neighbour_findings, span
from .settings import Settings

PROGRAMS = {"bridge": "bridge-kafka", "edge-http": "edge-http", "edge-ws": "edge-ws"}
CONNECTIONS = {"edge-http": "HTTP_MAX_CONNECTIONS", "edge-ws": "WS_MAX_CONNECTIONS"}


class Unit:
    """`name` is that of an instance: vy-gateway-bridge@4140."""

    def __init__(self, folder: Path, name: str):
        self.name = f"{name}.service"
        self.template, self.argument = name.split("@")
        files = [folder / f"units/{self.template}@.service"]
        drop_ins = [path for kind in ("vy-gateway-@", f"{self.template}@") for path in (folder / f"units/{kind}.service.d").glob("*.conf")]
        self.values: dict[str, list[str]] = {}
        for path in [*files, *sorted(drop_ins, key=lambda path: path.name)]:
            for key, value in assignments(path):
                # An empty assignment takes back what was said before.
                self.values[key] = [*self.values.get(key, []), value] if value else []

    def all(self, key: str) -> list[str]:
        return [value.replace("%i", self.argument).replace("%H", "host") for value in self.values.get(key, [])]

    def one(self, key: str, default: str = "") -> str:
        return (self.all(key) or [default])[-1]


def assignments(path: Path) -> list[tuple[str, str]]:
    lines = [line.strip() for line in path.read_text().splitlines()]
    return [tuple(part.strip() for part in line.split("=", 1)) for line in lines if "=" in line and line[0] not in "#;"]


def environment(unit: Unit, folder: Path, found: list[str]) -> dict[str, str]:
    env = dict(word.split("=", 1) for line in unit.all("Environment") for word in line.split())
    for text in unit.all("EnvironmentFile"):
        path = folder / "etc" / Path(text.removeprefix("-")).name
        if path.exists():
            env |= dict(assignments(path))
        elif not text.startswith("-"):
            found.append(f"{unit.name}: {text} is not among the files that are installed")
    return env


def users(folder: Path) -> dict[str, int]:
    return {name: int(number) for name, number in re.findall(r"^u (\S+) +(\d+)", (folder / "sysusers.conf").read_text(), re.M)}


def units(root: Path) -> list[Unit]:
    # Those of a further replica are an example.
    text = re.sub(r"^### One more replica$.*?^## ", "", (root / "docs/deployment.md").read_text(), flags=re.M | re.S)
    names = re.findall(r"\bvy-gateway-[a-z-]+@\d+", text)
    return [Unit(root / "deploy/systemd", name) for name in sorted(set(names))]


def instance(unit: Unit, folder: Path, found: list[str]) -> Instance:
    return Instance(
        unit.name, PROGRAMS[unit.template.removeprefix("vy-gateway-")], environment(unit, folder, found),
        span(unit.one("TimeoutStopSec", "0")), users(folder).get(unit.one("User"), 0),
        {"connections": int(unit.one("LimitNOFILE", "0"))})


def instances(root: Path) -> list[Instance]:
    return [instance(unit, root / "deploy/systemd", []) for unit in units(root)]


def findings(root: Path, settings: Settings) -> list[str]:
    folder, found, all_instances = root / "deploy/systemd", [], []
    for unit in units(root):
        own = instance(unit, folder, found)
        all_instances.append(own)
        found += environment_findings(own, settings) + service_findings(unit, own, folder, settings) + address_findings(unit, own, folder, settings)
    for template in PROGRAMS:
        if sum(unit.template == f"vy-gateway-{template}" for unit in units(root)) < 2:
            found.append(f"docs/deployment.md: names fewer than two of vy-gateway-{template}@")
    ports = [port for own in all_instances for port in listens(own, settings)]
    found += [f"systemd: two processes listen on {port}" for port in sorted({port for port in ports if ports.count(port) > 1})]
    hosts = [("127.0.0.1", own) for own in all_instances]
    return found + neighbour_findings(all_instances, settings) + console_findings(hosts, settings) + restart.findings(root, all_instances, settings)


def listens(own: Instance, settings: Settings) -> list[int]:
    return [own.admin_port(settings)] + ([] if own.process == "bridge-kafka" else [own.port(settings)])


def service_findings(unit: Unit, own: Instance, folder: Path, settings: Settings) -> list[str]:
    found = []

    def expect(condition: bool, text: str) -> None:
        if not condition:
            found.append(f"{unit.name}: {text}")

    expect(unit.one("Type") == "notify" and unit.one("NotifyAccess") == "main", "is not of Type=notify with NotifyAccess=main")
    expect(0 < span(unit.one("WatchdogSec", "0")) <= 60, "has no watchdog within a minute")
    expect(Path(unit.one("ExecStart")).name == own.process, f"does not start {own.process}")
    expect(unit.one("User") in users(folder), f"its user {unit.one('User')} is not in sysusers.conf")
    expect(unit.one("RestartPreventExitStatus") == "64", "would restart for ever with wrong settings")
    expect(unit.all("ExecReload") == ["/bin/kill -HUP $MAINPID"], "does not reload by SIGHUP")
    expect(unit.one("StartLimitIntervalSec") == "0", "gives up after some restarts")
    if own.process in CONNECTIONS:
        most = own.number(CONNECTIONS[own.process], settings)
        expect(own.limits["connections"] > most, f"LimitNOFILE is not more than {CONNECTIONS[own.process]} ({most})")
        expect(unit.one("Restart") == "always", "does not always restart")
    else:
        expect(unit.one("Restart") == "on-failure", "would take over again from the bridge that took over from it")
        expect(unit.one("PrivateUsers", "no") != "yes", "PrivateUsers=yes hides from the bridge who connects to it")
        expect(str(Path(own.sockets(settings)[0]).parent) == f"/run/{unit.one('RuntimeDirectory')}", "BRIDGE_SOCKET is not in RuntimeDirectory")
        expect(unit.one("RuntimeDirectoryMode") == "0750", "the socket's folder is not of mode 0750")
        expect(unit.one("RuntimeDirectoryPreserve") == "yes", "takes the other bridges' sockets away when it stops")
    return found


def address_findings(unit: Unit, own: Instance, folder: Path, settings: Settings) -> list[str]:
    """Redis for all, the brokers for the bridge alone."""
    found = []
    allowed = [ipaddress.ip_network(text, strict=False) for line in unit.all("IPAddressAllow") for text in line.split() if text != "localhost"]

    def reaches(host: str) -> bool:
        return any(ipaddress.ip_address(host) in network for network in allowed)

    if unit.all("IPAddressDeny") != ["any"]:
        found.append(f"{unit.name}: IPAddressDeny is not any")
    if not reaches(own.value("REDIS_HOST", settings)):
        found.append(f"{unit.name}: may not reach REDIS_HOST")
    brokers = dict(assignments(folder / "etc/bridge.env"))["KAFKA_BROKER"].split(",")
    for host in (broker.rsplit(":", 1)[0] for broker in brokers):
        if reaches(host) != (own.process == "bridge-kafka"):
            found.append(f"{unit.name}: {'may' if reaches(host) else 'may not'} reach the broker {host}")
    return found
