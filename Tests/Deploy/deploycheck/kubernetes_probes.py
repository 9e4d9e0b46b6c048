"""What a container's probes ask, and what that does to its pod."""

from .instances import Instance, probe_findings
from .settings import Settings

# Seconds that a process may wait at its start for what others have to bring back, before it is started again, which would not help.
PATIENCE = 3600


def is_sidecar(container: dict) -> bool:
    return container.get("restartPolicy") == "Always"


def asked(probe: dict, names: dict[str, int]) -> tuple[int | str, str, str] | None:
    """The port, the path, and what may be missing nevertheless; of a program that is not in the images nothing."""
    if "httpGet" in probe:
        port = probe["httpGet"]["port"]
        return names.get(port, port), probe["httpGet"]["path"], ""
    program, port, *words = probe["exec"]["command"]
    path, but = [*words, *["/readyz", ""][len(words):]]
    return (int(port), path, but) if program == "is-ready" else None


def patience(probe: dict) -> int:
    """Seconds until it has failed for good."""
    return probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)


def findings(container: dict, own: Instance, names: dict[str, int], settings: Settings) -> list[str]:
    """`names`: the container's ports."""
    found, paths, but = [], {}, {}
    # A sidecar's readiness would be the pod's: see edge-http.yaml.
    for kind in ("startupProbe", "livenessProbe") + (() if is_sidecar(container) else ("readinessProbe",)):
        if kind not in container:
            found.append(f"{own.where}: has no {kind}")
            continue
        if (asks := asked(container[kind], names)) is None:
            found.append(f"{own.where}: {kind} asks by another program than is-ready")
            continue
        port, paths[kind], but[kind] = asks
        found.extend(probe_findings(f"{own.where}: {kind}", port, paths[kind], own, settings))

    def expect(condition: bool, text: str) -> None:
        if not condition:
            found.append(f"{own.where}: {text}")

    expect(paths.get("livenessProbe") == "/livez", "is killed for what others lack: livenessProbe is not /livez")
    if paths.get("startupProbe") == "/readyz":
        waits = patience(container["startupProbe"])
        expect(waits >= PATIENCE, f"is killed for what others lack: startupProbe waits {waits} s")
    if own.process == "bridge-kafka":
        # Edges connect to a bridge that has no broker, and are ready then.
        expect(paths.get("startupProbe") == "/readyz", "a rollout goes on without the broker: startupProbe is not /readyz")
        expect(but.get("startupProbe") == "redis|status topics", "keeps REST from starting while Redis is away or a status topic is refused: startupProbe")
    if own.process == "edge-http":
        expect(paths.get("readinessProbe") == "/readyz", "gets requests without a bridge: readinessProbe is not /readyz")
    if own.process == "edge-ws":
        expect(paths.get("readinessProbe") == "/livez", "loses its sessions while Redis is away: readinessProbe is not /livez")
        wanted = "/livez" if own.sockets(settings) else "/readyz"
        expect(paths.get("startupProbe") == wanted, f"startupProbe is not {wanted}: a rollout has to wait for Redis, requests must not")
    return found
