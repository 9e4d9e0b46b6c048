"""The Envoy example."""

from pathlib import Path

import yaml

from .instances import span

PROTOCOL = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
# What tells for certain that nothing was sent.
UNSENT = {"connect-failure"}


def read(folder: Path) -> dict:
    resources = yaml.safe_load((folder / "envoy.yaml").read_text())["static_resources"]
    manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    clusters = {cluster["name"]: cluster for cluster in resources["clusters"]}
    routes = manager["route_config"]["virtual_hosts"][0]["routes"]
    ws = [route for route in routes if route["route"]["cluster"] == "edge_ws"]
    http = next(route["route"] for route in routes if route["route"]["cluster"] == "edge_http")
    if {"upgrade_type": "websocket"} not in manager["upgrade_configs"]:
        raise ValueError("upgrade_configs has no websocket")
    return {
        "path": next(iter({route["match"]["prefix"] for route in ws})) if len({route["match"]["prefix"] for route in ws}) == 1 else "several",
        "http_wait": min(span(http["timeout"]), span(http["idle_timeout"])),
        # `timeout` is for the whole of a stream, which a WebSocket is.
        "ws_silence": [span(route["route"]["idle_timeout"]) for route in ws] + [span(route["route"]["timeout"]) or 3600 for route in ws],
        "servers": {name.replace("_", "-"): {address(point) for point in endpoints(cluster)} for name, cluster in clusters.items()},
        "checks": {(name.replace("_", "-"), address(point)[1], point["health_check_config"]["port_value"], check["http_health_check"]["path"])
                   for name, cluster in clusters.items() for point in endpoints(cluster) for check in cluster["health_checks"]},
        "sticky": clusters["edge_ws"]["lb_policy"] == "RING_HASH" and all(is_sticky(route) for route in ws),
        "repeats": [event for route in routes for event in retried(route)],
        "keeps": ", ".join(name for name, cluster in clusters.items() if kept(cluster) != 1),
        "drain": span(manager["drain_timeout"]),
    }


def endpoints(cluster: dict) -> list[dict]:
    return [point["endpoint"] for locality in cluster["load_assignment"]["endpoints"] for point in locality["lb_endpoints"]]


def address(endpoint: dict) -> tuple[str, int]:
    socket = endpoint["address"]["socket_address"]
    return socket["address"], socket["port_value"]


def kept(cluster: dict) -> int | None:
    """Requests that one connection may bring."""
    return cluster["typed_extension_protocol_options"][PROTOCOL]["common_http_protocol_options"].get("max_requests_per_connection")


def is_sticky(route: dict) -> bool:
    """By the client's address and userId; a WebSocket without a session needs no fixed replica."""
    policies = route["route"].get("hash_policy", [])
    queries = {query["name"]: query for query in route["match"].get("query_parameters", [])}
    if not policies:
        return queries.get("transport", {}).get("string_match") == {"exact": "websocket"}
    return policies == [{"connection_properties": {"source_ip": True}}, {"query_parameter": {"name": "userId"}}]


def retried(route: dict) -> set[str]:
    """Events on which a request is sent again that the edge may have read. A handshake is a GET without effects, and 503 means that it was refused."""
    policy = route["route"]["retry_policy"]
    events = set(policy["retry_on"].split(",")) - UNSENT
    is_session = any(query["name"] == "sid" for query in route["match"].get("query_parameters", []))
    if route["route"]["cluster"] == "edge_ws" and not is_session and policy.get("retriable_status_codes") == [503]:
        events -= {"retriable-status-codes"}
    return events
