"""The alert rules, their tests, Prometheus' configurations and the dashboard, compared with docs/metrics.md, docs/alerts.md and the processes."""

import json
import re
from pathlib import Path

import yaml

from . import kubernetes, promql, systemd
from .settings import PROCESSES, Settings

SEVERITIES = {"critical", "warning"}
# What Prometheus itself knows of each target.
OWN = {"up": promql.Family("gauge", set())}


def rules(root: Path) -> list[dict]:
    groups = yaml.safe_load((root / "deploy/monitoring/alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard(root: Path) -> dict:
    return json.loads((root / "deploy/monitoring/grafana-dashboard.json").read_text())


def plain(expression: str) -> str:
    """With numbers in the place of Grafana's variables, so that Prometheus can read it."""
    return expression.replace("$__rate_interval", "5m")


def expressions(root: Path) -> list[tuple[str, str]]:
    """Of the dashboard, each with its panel."""
    return [(panel["title"], plain(target["expr"])) for panel in dashboard(root)["panels"] for target in panel.get("targets", [])]


def findings(root: Path, settings: Settings) -> list[str]:
    families = promql.documented((root / "docs/metrics.md").read_text()) | OWN
    sources = "\n".join(path.read_text() for path in (root / "Sources").rglob("*.swift"))
    found = []
    for rule in rules(root):
        found += [f"alert {rule['alert']}: {text}" for text in rule_findings(rule) + promql.findings(rule["expr"], families, sources)]
    for title, expression in expressions(root):
        found += [f"dashboard, {title}: {text}" for text in promql.findings(expression, families, sources)]
    return found + section_findings(root) + test_findings(root) + dashboard_findings(root, families) + target_findings(root, settings) + memory_findings(root)


def rule_findings(rule: dict) -> list[str]:
    found = []
    if rule.get("labels", {}).get("severity") not in SEVERITIES:
        found.append(f"its severity is none of {', '.join(sorted(SEVERITIES))}")
    if not rule.get("annotations", {}).get("summary"):
        found.append("has no summary")
    if rule.get("annotations", {}).get("runbook") != (wanted := f"docs/alerts.md#{rule['alert'].lower()}"):
        found.append(f"its runbook is not {wanted}")
    # The process's own metrics have names that other programs' have too.
    for selector in promql.selectors(rule["expr"]):
        if not selector.name.startswith(("vy_gateway_", "socketio_")) and not any(name == "job" for name, _, _ in selector.matchers):
            found.append(f"{selector.name} is asked of all jobs")
    return found


def section_findings(root: Path) -> list[str]:
    sections = re.findall(r"^### (VyGateway\w+)$", (root / "docs/alerts.md").read_text(), re.M)
    names = [rule["alert"] for rule in rules(root)]
    return (
        [f"docs/alerts.md: has no section {name}" for name in names if name not in sections]
        + [f"docs/alerts.md: there is no alert {name}" for name in sections if name not in names]
        + [f"alerts.yaml: {name} is there twice" for name in sorted(set(names)) if names.count(name) > 1])


def test_findings(root: Path) -> list[str]:
    tests = yaml.safe_load((root / "deploy/monitoring/alerts.test.yaml").read_text())["tests"]
    asked = [(case["alertname"], bool(case.get("exp_alerts"))) for test in tests for case in test["alert_rule_test"]]
    return [
        f"alerts.test.yaml: {rule['alert']} is never {'provoked' if provoked else 'silent'}"
        for rule in rules(root) for provoked in (True, False) if (rule["alert"], provoked) not in asked]


def dashboard_findings(root: Path, families: dict) -> list[str]:
    board, found = dashboard(root), []
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    if variables.get("datasource", {}).get("type") != "datasource":
        found.append("dashboard: the data source is no variable")
    numbers, taken = set(), {}
    for panel in board["panels"]:
        where = f"dashboard, {panel['title']}"
        if panel["id"] in numbers:
            found.append(f"{where}: its id is another panel's")
        numbers.add(panel["id"])
        place = panel["gridPos"]
        if place["x"] + place["w"] > 24:
            found.append(f"{where}: is wider than the page")
        for cell in {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}:
            other = taken.setdefault(cell, panel["title"])
            if other != panel["title"]:
                found.append(f"{where}: lies over {other}")
                break
        if panel["type"] == "row":
            continue
        if not panel.get("description") or not panel.get("targets"):
            found.append(f"{where}: has no description, or asks nothing")
        for part in [panel, *panel["targets"]]:
            if part["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
                found.append(f"{where}: does not ask the chosen data source")
    text = json.dumps(board)
    for name in set(re.findall(r"\$\{?([a-z]+)\}?", text)) - variables.keys():
        found.append(f"dashboard: there is no variable {name}")
    # A metric that nobody looks at is either not worth having or forgotten here.
    shown = {name for _, expression in expressions(root) for name in promql.NAME.findall(expression)}
    unseen = {name for name in families if not {name, f"{name}_bucket", f"{name}_count"} & shown} - UNSHOWN
    return found + [f"dashboard: does not show {name}" for name in sorted(unseen)]


# Of a pod, in Kubernetes.
PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
# Of use when something is looked for, and for the variables.
UNSHOWN = {
    "vy_gateway_build_info", "process_virtual_memory_bytes", "process_start_time_seconds", "process_threads", "vy_gateway_bridge_link_requests_total",
    "vy_gateway_bridge_link_outcomes_total", "vy_gateway_bridge_link_late_replies_total", "vy_gateway_bridge_ended_total",
    "vy_gateway_kafka_statistics_age_seconds", "vy_gateway_kafka_sent_bytes_total", "vy_gateway_kafka_received_bytes_total",
    "vy_gateway_kafka_sent_messages_total", "vy_gateway_kafka_received_messages_total",
}


def target_findings(root: Path, settings: Settings) -> list[str]:
    """What prometheus.yaml scrapes is where the units' admin ports are; of Kubernetes the pods' ports are found by their names."""
    found = []
    scraped = {
        job["job_name"]: {target for group in job["static_configs"] for target in group["targets"]}
        for job in yaml.safe_load((root / "deploy/monitoring/prometheus.yaml").read_text())["scrape_configs"]}
    for process in PROCESSES:
        wanted = {f"127.0.0.1:{own.admin_port(settings)}" for own in systemd.instances(root) if own.process == process}
        if scraped.get(f"vy-gateway-{process}") != wanted:
            found.append(f"prometheus.yaml: scrapes other ports of {process} than {', '.join(sorted(wanted))}")
    job, = yaml.safe_load((root / "deploy/monitoring/prometheus-kubernetes.yaml").read_text())["scrape_configs"]
    keep = next(rule for rule in job["relabel_configs"] if "__meta_kubernetes_pod_container_port_name" in rule["source_labels"])
    name = next(rule for rule in job["relabel_configs"] if rule.get("target_label") == "job")
    phases = next(rule["regex"] for rule in job["relabel_configs"] if rule["source_labels"] == ["__meta_kubernetes_pod_phase"])
    if (kept := [phase for phase in PHASES if re.fullmatch(phases, phase)]) != ["Pending", "Running"]:
        found.append(f"prometheus-kubernetes.yaml: scrapes pods that are {', '.join(kept)}, not those that are Pending (a bridge without a broker) or Running")
    for overlay in (kubernetes.Overlay(root, path) for path in kubernetes.overlays(root)):
        jobs = set()
        for workload in overlay.workloads():
            labels = workload["spec"]["template"]["metadata"]["labels"]
            for container, own in overlay.instances(workload, []):
                kept = {port["containerPort"] for port in container["ports"]
                        if re.fullmatch(keep["regex"], f"{labels.get('app.kubernetes.io/part-of')};{port['name']}")}
                if kept != {own.admin_port(settings)}:
                    found.append(f"prometheus-kubernetes.yaml: of {own.where} scrapes {sorted(kept)}, not its admin port")
                jobs.add(name["replacement"].replace("$1", container["name"]))
        if jobs != scraped.keys():
            found.append(f"prometheus-kubernetes.yaml: its jobs are {', '.join(sorted(jobs))}, not {', '.join(sorted(scraped))}")
    return found


def memory_findings(root: Path) -> list[str]:
    """VyGatewayMemory goes by the limits of the containers."""
    expression = next((rule["expr"] for rule in rules(root) if rule["alert"] == "VyGatewayMemory"), "")
    watched = dict(re.findall(r'job="vy-gateway-([a-z-]+)"} > 0\.8 \* (\d+) \* 2 \^ 20', expression))
    found = []
    for overlay in (kubernetes.Overlay(root, path) for path in kubernetes.overlays(root)):
        for workload in overlay.workloads():
            for container, own in overlay.instances(workload, []):
                limit = container["resources"]["limits"]["memory"]
                if mebibytes(limit) != int(watched.get(own.process, 0)):
                    found.append(f"alert VyGatewayMemory: {own.where} may have {limit}, not {watched.get(own.process)} MiB")
    return found


def mebibytes(text: str) -> int:
    return int(text[:-2]) * {"Mi": 1, "Gi": 1024}[text[-2:]]
