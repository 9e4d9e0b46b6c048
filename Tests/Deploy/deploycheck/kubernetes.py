"""The overlays under deploy/kubernetes as kustomize makes them: workloads, and what belongs to them."""

import functools
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from . import dockerfile, kubernetes_console, kubernetes_rules
from .instances import Instance, environment_findings, neighbour_findings
from .kubernetes_probes import is_sidecar
from .settings import LAST_SECONDS, PROCESSES, Settings

# What the downward API gives to the first pod of a workload.
FIELDS = {"metadata.name": "{workload}-0", "metadata.labels['apps.kubernetes.io/pod-index']": "0"}


def kubectl() -> str:
    beside = Path(sys.executable).parent / "kubectl"
    return str(beside if beside.exists() else shutil.which("kubectl") or "kubectl")


def overlays(root: Path) -> list[Path]:
    return sorted((root / "deploy/kubernetes/overlays").iterdir())


@functools.cache
def rendered(overlay: Path) -> str:
    made = subprocess.run([kubectl(), "kustomize", str(overlay)], capture_output=True, text=True, timeout=30)
    if made.returncode or made.stderr:
        raise RuntimeError(f"kubernetes {overlay.name}: {made.stderr}")
    return made.stdout


class Overlay:
    def __init__(self, root: Path, path: Path):
        self.name, self.root = path.name, root
        self.documents = [document for document in yaml.safe_load_all(rendered(path)) if document]

    def kind(self, *kinds: str) -> list[dict]:
        return [document for document in self.documents if document["kind"] in kinds]

    def named(self, kind: str, name: str) -> dict | None:
        return next((document for document in self.kind(kind) if document["metadata"]["name"] == name), None)

    def workloads(self) -> list[dict]:
        return self.kind("Deployment", "StatefulSet")

    def environment(self, workload: dict, container: dict, found: list[str]) -> dict[str, str]:
        env = dict(dockerfile.environment(self.root, process(container)))
        for source in container.get("envFrom", []):
            env |= self.named("ConfigMap", source["configMapRef"]["name"])["data"]
        for variable in container.get("env", []):
            field = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
            if field is not None and field not in FIELDS:
                found.append(f"kubernetes {self.name}: {variable['name']} of {container['name']} comes from {field}, which the check does not know")
            env[variable["name"]] = FIELDS[field].format(workload=workload["metadata"]["name"]) if field in FIELDS else variable.get("value", "")
        return env

    def instances(self, workload: dict, found: list[str]) -> list[tuple[dict, Instance]]:
        """The containers of a pod. They end one after another: the edges, then the sidecars."""
        pod = workload["spec"]["template"]["spec"]
        made = []
        for container in containers(pod):
            where = f"kubernetes {self.name}/{workload['metadata']['name']}/{container['name']}"
            user = container.get("securityContext", {}).get("runAsUser", 0)
            env = self.environment(workload, container, found)
            made.append((container, Instance(where, process(container), env, 0, user)))
        grace = pod.get("terminationGracePeriodSeconds", 30) - max(pre_stop(container) for container in containers(pod))
        for container, own in made:
            others = [int(other.env.get("SHUTDOWN_TIMEOUT", 10_000)) / 1000 + LAST_SECONDS for c, other in made if is_sidecar(c) != is_sidecar(container)]
            own.stop = grace - max(others, default=0)
        return made


def process(container: dict) -> str:
    return container["image"].split(":")[0].rsplit("/", 1)[-1]


def containers(pod: dict) -> list[dict]:
    return [c for c in [*pod.get("initContainers", []), *pod["containers"]] if process(c) in PROCESSES]


def pre_stop(container: dict) -> float:
    """Seconds; the clock of the grace period runs meanwhile."""
    hook = container.get("lifecycle", {}).get("preStop", {})
    words = hook.get("exec", {}).get("command", [])
    return float(words[1]) if words[:1] == ["sleep"] else float(hook.get("sleep", {}).get("seconds", 0))


def instances(root: Path) -> list[Instance]:
    made = [Overlay(root, path) for path in overlays(root)]
    return [own for overlay in made for workload in overlay.workloads() for _, own in overlay.instances(workload, [])]


def findings(root: Path, settings: Settings) -> list[str]:
    found = []
    for path in overlays(root):
        try:
            overlay = Overlay(root, path)
        except RuntimeError as error:
            found.append(str(error))
            continue
        everything, pods = [], []
        for workload in overlay.workloads():
            pairs = overlay.instances(workload, found)
            everything += pairs
            pods.append((workload, pairs))
            found += kubernetes_rules.workload_findings(overlay, workload, pairs, settings)
            for container, own in pairs:
                found += environment_findings(own, settings) + kubernetes_rules.container_findings(workload, container, own, settings)
        for name in PROCESSES:
            if not any(own.process == name for _, own in everything):
                found.append(f"kubernetes {overlay.name}: nothing runs {name}")
        found += kubernetes_console.findings(overlay, pods, settings) + neighbour_findings([own for _, own in everything], settings)
    return found
