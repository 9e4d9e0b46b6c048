"""Whether edge-http's console finds the admin ports of all pods, and nobody else does."""

from .instances import Instance
from .settings import Settings

NAME = "app.kubernetes.io/name"


def label(workload: dict) -> str:
    return workload["spec"]["template"]["metadata"]["labels"][NAME]


def admin_ports(pairs: list[tuple[dict, Instance]], settings: Settings) -> set[int]:
    return {own.admin_port(settings) for _, own in pairs}


def named_ports(pairs: list[tuple[dict, Instance]]) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for container, _ in pairs for port in container["ports"]}


def is_admin(service: dict) -> bool:
    """A Service that only the console uses: it also has pods that are not ready."""
    return service["spec"].get("publishNotReadyAddresses") is True


def findings(overlay, pods: list[tuple[dict, list[tuple[dict, Instance]]]], settings: Settings) -> list[str]:
    """`pods`: workloads with their containers."""
    found, wanted, allowed_to = [], set(), set()
    for workload, pairs in pods:
        ports, names = admin_ports(pairs, settings), named_ports(pairs)
        where = f"kubernetes {overlay.name}/{workload['metadata']['name']}"
        services = [s for s in overlay.kind("Service") if is_admin(s) and s["spec"]["selector"] == {NAME: label(workload)}]
        if len(services) != 1 or services[0]["spec"].get("clusterIP") != "None":
            found.append(f"{where}: has no headless Service of its own for the console")
            continue
        served = {port["port"]: names.get(port["targetPort"], port["targetPort"]) for port in services[0]["spec"]["ports"]}
        if served != {port: port for port in ports}:
            found.append(f"{where}: its Service for the console leads to {served}, not to {sorted(ports)}")
        wanted |= {f"http://{services[0]['metadata']['name']}:{port}" for port in ports}
        allowed_to |= {(label(workload), port) for port in ports}
        ingress = {names.get(port["port"], port["port"]) for rule in pod_rules(overlay, workload, "ingress", "from") for port in rule["ports"]}
        if ingress != ports:
            found.append(f"{where}: the console may connect at {sorted(ingress)}, but needs {sorted(ports)}")
    for workload, pairs in pods:
        for own in (own for _, own in pairs if own.process == "edge-http"):
            if (named := set(own.value("CONSOLE_PEERS", settings).split(","))) != wanted:
                found.append(f"{own.where}: CONSOLE_PEERS and the admin ports differ: {', '.join(sorted(named ^ wanted))}")
        may = {(to["podSelector"]["matchLabels"][NAME], port["port"])
               for rule in pod_rules(overlay, workload, "egress", "to") for to in rule["to"] for port in rule["ports"]}
        asks = any(own.process == "edge-http" for _, own in pairs)
        if may != (allowed_to if asks else set()):
            found.append(f"kubernetes {overlay.name}/{workload['metadata']['name']}: may connect to the pods {sorted(may)}")
    return found


def pod_rules(overlay, workload: dict, direction: str, end: str) -> list[dict]:
    """Rules of a workload's NetworkPolicies about pods of the same namespace."""
    labels = workload["spec"]["template"]["metadata"]["labels"]
    policies = [p["spec"] for p in overlay.kind("NetworkPolicy") if p["spec"]["podSelector"]["matchLabels"].items() <= labels.items()]
    return [rule for p in policies for rule in p.get(direction, []) if not any("namespaceSelector" in one for one in rule[end])]
