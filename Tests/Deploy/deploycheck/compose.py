"""deploy/compose: the services of our images, and the nginx in front of them."""

import ipaddress
import json
import re
from pathlib import Path

import yaml

from . import dockerfile
from .instances import Instance, console_findings, environment_findings, neighbour_findings, probe_findings, span
from .settings import PROCESSES, Settings

PATH = "deploy/compose/compose.yaml"


def load(root: Path) -> dict:
    return yaml.safe_load((root / PATH).read_text())


def ours(document: dict) -> dict[str, dict]:
    return {name: service for name, service in document["services"].items() if service.get("build", {}).get("target") in PROCESSES}


def instance(root: Path, name: str, service: dict) -> Instance:
    target = service["build"]["target"]
    env = dockerfile.environment(root, target) | {key: str(value) for key, value in service.get("environment", {}).items()}
    # By itself Docker waits 10 s.
    return Instance(f"compose {name}", target, env, span(service.get("stop_grace_period", "10s")), int(service.get("user", dockerfile.user(root, target))))


def instances(root: Path) -> list[Instance]:
    return [instance(root, name, service) for name, service in ours(load(root)).items()]


def findings(root: Path, settings: Settings) -> list[str]:
    document, found = load(root), []
    for name, service in ours(document).items():
        own = instance(root, name, service)
        found += environment_findings(own, settings) + service_findings(root, name, service, own, settings)
    for process in PROCESSES:
        if sum(service["build"]["target"] == process for service in ours(document).values()) < 2:
            found.append(f"compose: has fewer than two of {process}")
    hosts = [(name, instance(root, name, service)) for name, service in ours(document).items()]
    return found + neighbour_findings(instances(root), settings) + console_findings(hosts, settings) + network_findings(root, document, settings)


def service_findings(root: Path, name: str, service: dict, own: Instance, settings: Settings) -> list[str]:
    found = []

    def expect(condition: bool, text: str) -> None:
        if not condition:
            found.append(f"compose {name}: {text}")

    expect(service.get("image") == f"vy-gateway/{own.process}:{settings.version}", f"its image is not vy-gateway/{own.process}:{settings.version}")
    expect(service.get("restart") == "unless-stopped", "is not started again when it dies")
    expect(service.get("read_only") is True and service.get("cap_drop") == ["ALL"], "may write to its image, or has capabilities")
    build = service["build"]
    expect((root / "deploy/compose" / build["context"] / build["dockerfile"]).exists(), "its Dockerfile does not exist")
    test = service.get("healthcheck", {}).get("test", [])
    if test[:2] != ["CMD", "is-ready"]:
        expect(False, "has no healthcheck with is-ready")
    else:
        path = test[3] if len(test) > 3 else "/readyz"
        found.extend(probe_findings(f"compose {name}: healthcheck", int(test[2]), path, own, settings))
    mounts = dict(volume.split(":")[:2] for volume in service.get("volumes", []))
    for path in own.sockets(settings):
        expect(str(Path(path).parent) in mounts.values(), f"the folder of {path} is on no volume")
    return found


def network_findings(root: Path, document: dict, settings: Settings) -> list[str]:
    """Only bridges share a network with the broker; nginx and the edges know each other's addresses."""
    found, services = [], document["services"]
    for name, service in services.items():
        process = service.get("build", {}).get("target")
        if "kafka" in service.get("networks", []) and process in ("edge-http", "edge-ws", None) and name != "kafka":
            found.append(f"compose {name}: is on the broker's network, which is for bridges")
    if not document["networks"]["kafka"].get("internal"):
        found.append("compose: the broker's network is not internal")
    addresses = {name: service["networks"]["front"]["ipv4_address"] for name, service in services.items() if isinstance(service.get("networks"), dict)}
    for name, service in services.items():
        if any(not port.startswith("127.0.0.1:") for port in service.get("ports", [])):
            found.append(f"compose {name}: is open to other hosts")
    subnet = ipaddress.ip_network(document["networks"]["front"]["ipam"]["config"][0]["subnet"])
    found += [f"compose {name}: {address} is not in {subnet}" for name, address in addresses.items() if ipaddress.ip_address(address) not in subnet]
    known = set(re.findall(r"server (\S+:\d+)", (root / "deploy/compose/upstreams.conf").read_text()))
    edges = {name: own for name, service in ours(document).items() if (own := instance(root, name, service)).process != "bridge-kafka"}
    wanted = {f"{addresses.get(name)}:{own.port(settings)}" for name, own in edges.items()}
    if known != wanted:
        found.append(f"compose: upstreams.conf and the edges' addresses differ: {', '.join(sorted(known ^ wanted))}")
    for name, own in edges.items():
        proxies = json.loads(own.value("HTTP_TRUSTED_PROXIES" if own.process == "edge-http" else "WS_TRUSTED_PROXIES", settings))
        if addresses["nginx"] not in proxies:
            found.append(f"compose {name}: does not believe nginx' X-Forwarded-For")
    for volume in services["nginx"]["volumes"]:
        if not (root / "deploy/compose" / volume.split(":")[0]).exists():
            found.append(f"compose nginx: {volume.split(':')[0]} does not exist")
    if services["nginx"].get("stop_signal") != "SIGQUIT" or span(services["nginx"]["stop_grace_period"]) <= int(settings.defaults["KAFKA_REPLY_TIMEOUT_MAX"]) / 1000:
        found.append("compose nginx: does not wait for its requests before it stops")
    return found
