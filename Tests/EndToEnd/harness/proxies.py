"""The examples under deploy/proxies, run as they are but for addresses and folders."""

import os
import re
import shutil
from importlib.resources import files
from pathlib import Path

import yaml

from .processes import Process
from .stack import ROOT

EXAMPLES = ROOT / "deploy/proxies"
# Of one replica: its port, and its admin port.
Replicas = list[tuple[int, int]]


def run(name: str, folder: Path, port: int, http: Replicas, ws: Replicas) -> Process:
    """Starts a proxy at a port, in front of these edges."""
    folder.mkdir()
    return Process(name, WRITERS[name](folder, port, http, ws), folder / "run").start()


def program(name: str) -> str:
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")


def replace_once(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"the example has changed: {old}"
    return text.replace(old, new)


def nginx(folder: Path, port: int, http: Replicas, ws: Replicas) -> list:
    shutil.copytree(EXAMPLES / "nginx", folder / "conf")
    upstreams = (folder / "conf/upstreams.conf").read_text()
    for name, edges in (("edge_ws", ws), ("edge_http", http)):
        options = re.search(r"server 127.0.0.1:\d+ ([^;]+);", upstreams)[1]
        servers = "".join(f"    server 127.0.0.1:{edge} {options};\n" for edge, _ in edges)
        upstreams = re.sub(rf"(upstream {name} {{\n(?:    hash.*\n)?)(?:    server .*\n)+", rf"\g<1>{servers}", upstreams)
    (folder / "conf/upstreams.conf").write_text(upstreams)
    text = (folder / "conf/nginx.conf").read_text()
    text = replace_once(text, "listen 8080 ", f"listen 127.0.0.1:{port} ")
    text = replace_once(text, "pid /run/nginx.pid", f"pid {folder}/pid")
    # Debian's and Docker's builds have these in folders of their own.
    temporary = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "conf/nginx.conf").write_text(replace_once(text, "http {\n", f"http {{\n{temporary}"))
    root = ["-g", "user root;"] if os.geteuid() == 0 else []
    return [program("nginx"), "-p", folder, "-c", folder / "conf/nginx.conf", *root]


def haproxy(folder: Path, port: int, http: Replicas, ws: Replicas) -> list:
    text = replace_once((EXAMPLES / "haproxy.cfg").read_text(), "bind :8080", f"bind 127.0.0.1:{port}")
    for name, edges in (("edge-http", http), ("edge-ws", ws)):
        lines = "".join(f"    server {name}-{n} 127.0.0.1:{edge} check port {admin}\n" for n, (edge, admin) in enumerate(edges, 1))
        text = re.sub(rf"(?:    server {name}-.*\n)+", lines, text)
    (folder / "haproxy.cfg").write_text(text)
    return [program("haproxy"), "-db", "-f", folder / "haproxy.cfg"]


def envoy(folder: Path, port: int, http: Replicas, ws: Replicas) -> list:
    document = yaml.safe_load((EXAMPLES / "envoy.yaml").read_text())
    document["admin"]["address"]["socket_address"]["port_value"] = 0
    resources = document["static_resources"]
    resources["listeners"][0]["address"]["socket_address"] |= {"address": "127.0.0.1", "port_value": port}
    for cluster in resources["clusters"]:
        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"] = [
            {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": edge}}, "health_check_config": {"port_value": admin}}}
            for edge, admin in (http if cluster["name"] == "edge_http" else ws)]
    (folder / "envoy.yaml").write_text(yaml.safe_dump(document))
    return [files("envoy") / "_bin" / "envoy", "-c", folder / "envoy.yaml", "--concurrency", 2, "--disable-hot-restart", "--log-level", "warn"]


WRITERS = {"nginx": nginx, "haproxy": haproxy, "envoy": envoy}
