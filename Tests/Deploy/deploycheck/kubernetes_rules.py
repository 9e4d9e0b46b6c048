"""What a workload of Kubernetes has to have around it, and a container in it."""

from . import kubernetes_console, kubernetes_probes
from .instances import Instance
from .kubernetes_probes import is_sidecar
from .settings import PORTS, Settings


def selects(selector: dict, labels: dict) -> bool:
    return selector.items() <= labels.items()


def pod_of(workload: dict) -> dict:
    return workload["spec"]["template"]["spec"]


def workload_findings(overlay, workload: dict, pairs: list[tuple[dict, Instance]], settings: Settings) -> list[str]:
    name, pod, found = workload["metadata"]["name"], pod_of(workload), []
    labels = workload["spec"]["template"]["metadata"]["labels"]
    processes = {own.process: (container, own) for container, own in pairs}

    def expect(condition, text: str) -> None:
        if not condition:
            found.append(f"kubernetes {overlay.name}/{name}: {text}")

    expect(pod.get("enableServiceLinks") is False, "a Service could set REDIS_PORT: enableServiceLinks is not false")
    expect(pod.get("automountServiceAccountToken") is False, "its pods have a token of the API server")
    expect(overlay.named("ServiceAccount", pod.get("serviceAccountName", "")), "has no ServiceAccount of its own")
    security = pod.get("securityContext", {})
    expect(security.get("runAsNonRoot") and security.get("seccompProfile") == {"type": "RuntimeDefault"}, "runAsNonRoot or seccompProfile is missing")
    expect("replicas" not in workload["spec"], "sets replicas, which are the HorizontalPodAutoscaler's")
    expect(pod.get("topologySpreadConstraints"), "its pods may all be on one node")
    budgets = [b for b in overlay.kind("PodDisruptionBudget") if selects(b["spec"]["selector"]["matchLabels"], labels)]
    expect([b["spec"].get("maxUnavailable") for b in budgets] == [1], "has no PodDisruptionBudget of one pod at a time")
    if "bridge-kafka" in processes:
        bridge, own = processes["bridge-kafka"]
        expect(workload["kind"] == "StatefulSet", "a bridge needs a name that stays: it is no StatefulSet")
        expect(bridge.get("restartPolicy") == "Always", "the bridge is no native sidecar")
        service = overlay.named("Service", workload["spec"].get("serviceName", ""))
        expect(service and service["spec"].get("clusterIP") == "None", "its serviceName is no headless Service")
    found += scaler_findings(overlay, workload, processes, settings)
    found += service_findings(overlay, workload, labels, processes, settings)
    found += policy_findings(overlay, workload, labels, processes, settings)
    for port in sorted(used_ports(overlay, labels) & {port["name"] for container, _ in pairs if is_sidecar(container) for port in container["ports"]}):
        expect(False, f"{port} is a port of an init container, whose name not every network plugin finds: use its number")
    for volume in pod.get("volumes", []):
        if "kafka" in volume.get("secret", {}).get("secretName", ""):
            users = [container["name"] for container, _ in pairs if any(mount["name"] == volume["name"] for mount in container.get("volumeMounts", []))]
            expect(users == ["bridge-kafka"], f"Kafka's secret is mounted into {users}")
    return found


def used_ports(overlay, labels: dict) -> set[int | str]:
    """Of these pods, as their Services and NetworkPolicies write them."""
    services = [s["spec"] for s in overlay.kind("Service") if selects(s["spec"]["selector"], labels)]
    policies = [p["spec"] for p in overlay.kind("NetworkPolicy") if selects(p["spec"]["podSelector"]["matchLabels"], labels)]
    return {port["targetPort"] for s in services for port in s["ports"]} | {port["port"] for p in policies for rule in p.get("ingress", []) for port in rule["ports"]}


def scaler_findings(overlay, workload: dict, processes: dict, settings: Settings) -> list[str]:
    name, where = workload["metadata"]["name"], f"kubernetes {overlay.name}/{workload['metadata']['name']}"
    target = {"apiVersion": workload["apiVersion"], "kind": workload["kind"], "name": name}
    scalers = [s["spec"] for s in overlay.kind("HorizontalPodAutoscaler") if s["spec"]["scaleTargetRef"] == target]
    if len(scalers) != 1:
        return [f"{where}: has {len(scalers)} HorizontalPodAutoscalers"]
    found = []
    if overlay.name == "production" and scalers[0]["minReplicas"] < 2:
        found.append(f"{where}: one pod is not enough in production")
    if "bridge-kafka" in processes:
        partitions = processes["bridge-kafka"][1].number("KAFKA_REPLY_PARTITIONS", settings)
        if scalers[0]["maxReplicas"] > partitions:
            found.append(f"{where}: maxReplicas {scalers[0]['maxReplicas']} is more than KAFKA_REPLY_PARTITIONS {partitions}")
    for metric in scalers[0]["metrics"]:
        resource = metric["resource"]["name"]
        if any(resource not in container.get("resources", {}).get("requests", {}) for container, _ in processes.values()):
            found.append(f"{where}: is scaled by {resource}, which not every container requests")
    return found


def public(processes: dict) -> tuple[dict, Instance]:
    return next(pair for process, pair in processes.items() if PORTS[process][0])


def service_findings(overlay, workload: dict, labels: dict, processes: dict, settings: Settings) -> list[str]:
    container, own = public(processes)
    found, names = [], {port["name"]: port["containerPort"] for port in container["ports"]}
    services = [s["spec"] for s in overlay.kind("Service") if selects(s["spec"]["selector"], labels) and not kubernetes_console.is_admin(s)]
    if not any(s.get("clusterIP") != "None" for s in services):
        found.append(f"{own.where}: no Service leads to it")
    for service in services:
        for port in service["ports"]:
            if names.get(port["targetPort"], port["targetPort"]) != own.port(settings):
                found.append(f"{own.where}: a Service leads to {port['targetPort']}, which is not its port {own.port(settings)}")
        if own.process == "edge-ws" and service.get("clusterIP") != "None" and service.get("sessionAffinity") != "ClientIP":
            found.append(f"{own.where}: polling clients do not stay with their pod: no sessionAffinity")
    return found


def policy_findings(overlay, workload: dict, labels: dict, processes: dict, settings: Settings) -> list[str]:
    container, own = public(processes)
    found, names = [], {port["name"]: port["containerPort"] for port in container["ports"]}
    policies = [p["spec"] for p in overlay.kind("NetworkPolicy") if selects(p["spec"]["podSelector"]["matchLabels"], labels)]
    if not any(set(p["policyTypes"]) == {"Ingress", "Egress"} and not p.get("ingress") and not p.get("egress") for p in policies):
        found.append(f"{own.where}: nothing denies what no NetworkPolicy allows")
    egress = {(to["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], port["port"])
              for p in policies for rule in p.get("egress", []) for to in rule["to"] if "namespaceSelector" in to for port in rule["ports"]}
    wanted = {("kube-system", 53), ("redis", own.number("REDIS_PORT", settings))}
    if "bridge-kafka" in processes:
        brokers = processes["bridge-kafka"][1].value("KAFKA_BROKER", settings).split(",")
        wanted |= {("kafka", int(broker.rsplit(":", 1)[1])) for broker in brokers}
    if collector := own.value("OTEL_EXPORTER_OTLP_ENDPOINT", settings):
        wanted.add(("opentelemetry", int(collector.rsplit(":", 1)[1])))
    if egress != wanted:
        found.append(f"{own.where}: may connect to {sorted(egress)}, but needs {sorted(wanted)}")
    ingress = {(source["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], names.get(port["port"], port["port"]))
               for p in policies for rule in p.get("ingress", []) for source in rule["from"] if "namespaceSelector" in source for port in rule["ports"]}
    wanted = {("ingress", own.port(settings))} | {("monitoring", other.admin_port(settings)) for _, other in processes.values()}
    if ingress != wanted:
        found.append(f"{own.where}: may be connected to by {sorted(ingress)}, but needs {sorted(wanted)}")
    return found


def container_findings(workload: dict, container: dict, own: Instance, settings: Settings) -> list[str]:
    found = []

    def expect(condition, text: str) -> None:
        if not condition:
            found.append(f"{own.where}: {text}")

    expect(container["image"] == f"vy-gateway/{own.process}:{settings.version}", f"its image is not of version {settings.version}")
    security = container.get("securityContext", {})
    expect(security.get("allowPrivilegeEscalation") is False and security.get("readOnlyRootFilesystem") is True
           and security.get("capabilities") == {"drop": ["ALL"]} and own.user > 0, "its securityContext leaves it more than it needs")
    expect("memory" in container.get("resources", {}).get("limits", {}), "has no limit of memory")
    ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
    served = {own.admin_port(settings)} | ({own.port(settings)} if PORTS[own.process][0] else set())
    expect(set(ports.values()) == served, f"names the ports {sorted(ports.values())}, but listens on {sorted(served)}")
    expect(own.value("ADMIN_HOST", settings) == "0.0.0.0", "probes cannot reach its ADMIN_HOST")
    found.extend(kubernetes_probes.findings(container, own, ports, settings))
    if not is_sidecar(container):
        expect("preStop" in container.get("lifecycle", {}), "refuses clients before proxies know that it goes: no preStop")
    mounts = {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts", [])}
    volumes = {volume["name"]: volume for volume in pod_of(workload).get("volumes", [])}
    expect(mounts.keys() <= volumes.keys(), "mounts a volume that the pod does not have")
    for path in own.sockets(settings):
        on = [name for name, folder in mounts.items() if path.startswith(folder + "/") and "emptyDir" in volumes.get(name, {})]
        expect(on, f"{path} is on no volume that the pod shares")
    return found
