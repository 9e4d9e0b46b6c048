"""The files under deploy: what the check says of them, and what the programs say that will read them."""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from importlib.resources import files
from pathlib import Path

import deploycheck
import kubernetes_validate
import pytest
import yaml
from deploycheck import ROOT, dockerfile, kubernetes, monitoring, systemd
from deploycheck.settings import PROCESSES, binary, run_binary

DEPLOY = ROOT / "deploy"
# The least one with native sidecars by default, and a late one.
KUBERNETES = ("1.29", "1.35")
PATHS = f"{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"


def run(*command, **options) -> subprocess.CompletedProcess:
    words = [str(word) for word in command]
    program = shutil.which(words[0], path=PATHS)
    assert program, f"{words[0]} is not installed: ./deploy/dev test does that"
    return subprocess.run([program, *words[1:]], capture_output=True, text=True, timeout=50, **options)


def says_nothing(done: subprocess.CompletedProcess) -> None:
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("kind", deploycheck.KINDS)
def test_the_files_agree_with_the_program(settings, kind):
    assert deploycheck.KINDS[kind].findings(ROOT, settings) == []


def test_each_process_is_started_by_each_way():
    started = {(own.where.split()[0].split("-")[0], own.process) for own in deploycheck.instances()}
    assert started == {(way, process) for way in ("vy", "compose", "kubernetes") for process in PROCESSES}


# The programs, where they are built


def program(process: str) -> Path:
    return binary(ROOT, process) or pytest.skip(f"{process} is not built")


@pytest.mark.parametrize("process", PROCESSES)
def test_the_program_prints_the_settings_that_were_compared(settings, process):
    printed = run_binary(program(process), "--print-config", ROOT, {})
    assert dict(line.split("=", 1) for line in printed.stdout.splitlines()) == settings.of(process) | {"INSTANCE": ""}, printed.stderr


@pytest.mark.parametrize("own", deploycheck.instances(), ids=lambda own: own.where)
def test_the_program_takes_each_environment(tmp_path, own):
    keys = tmp_path / "keys.json"
    keys.write_text('{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","alg":"EdDSA","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}')
    (tmp_path / "secret").write_text("a secret that is long enough for everything\n")
    here = {"SERVICES_DIR": DEPLOY / "openapi", "AUTH_JWT_JWKS_FILE": keys, "KAFKA_SSL_CA": "/etc/ssl/certs/ca-certificates.crt", "REDIS_TLS_CA": "/etc/ssl/certs/ca-certificates.crt"}
    # Files that the place brings with it.
    env = {name: str(here.get(name, tmp_path / "secret" if name.endswith("_FILE") else value)) for name, value in own.env.items()}
    done = run_binary(program(own.process), "--check-config", ROOT, env)
    assert done.returncode == 0, done.stderr


# systemd


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A root with what `deploy/systemd/install` puts there, and the targets and slices of systemd itself."""
    root = tmp_path_factory.mktemp("root")
    programs = tmp_path_factory.mktemp("programs")
    for name in PROCESSES:
        (programs / name).write_text("#!/bin/sh\n")
    done = run(DEPLOY / "systemd/install", programs, root)
    assert done.returncode == 0, done.stderr
    units = root / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    for path in [*Path("/usr/lib/systemd/system").glob("*.target"), *Path("/usr/lib/systemd/system").glob("*.slice")]:
        (units / path.name).write_text(path.read_text())
    (root / "bin").mkdir()
    shutil.copy("/bin/true", root / "bin/kill")
    return root


UNITS = pytest.mark.parametrize("unit", [unit.name for unit in systemd.units(ROOT)])


@UNITS
def test_systemd_takes_the_unit(installed, unit):
    says_nothing(run("systemd-analyze", "verify", f"--root={installed}", "--man=no", unit))


@UNITS
def test_the_sandbox_is_tight(installed, unit):
    done = run("systemd-analyze", "security", "--offline=true", f"--root={installed}", "--threshold=20", "--no-pager", unit)
    assert done.returncode == 0, done.stdout + done.stderr


def test_systemd_makes_the_users(installed):
    said = run("systemd-sysusers", "--dry-run", f"--root={installed}", "vy-gateway.conf").stderr
    assert "not a valid" not in said, said
    for name, number in systemd.users(DEPLOY / "systemd").items():
        assert f"Creating user '{name}' " in said and f"with UID {number} " in said, said


def test_what_the_documents_call_is_installed(installed):
    called = set(re.findall(r"^(/usr/local/\S+)", (ROOT / "docs/deployment.md").read_text(), re.M))
    assert called and all(os.access(installed / path[1:], os.X_OK) for path in called)


def test_a_loose_sandbox_is_not_let_through(installed, tmp_path):
    root = shutil.copytree(installed, tmp_path / "root")
    (root / "etc/systemd/system/vy-gateway-@.service.d/10-sandbox.conf").unlink()
    done = run("systemd-analyze", "security", "--offline=true", f"--root={root}", "--threshold=20", "--no-pager", "vy-gateway-edge-ws@4042.service")
    assert done.returncode != 0


def test_what_an_operator_has_changed_stays(installed):
    settings, network = installed / "etc/vy-gateway/common.env", installed / "etc/systemd/system/vy-gateway-edge-ws@.service.d/50-network.conf"
    before = settings.read_text(), network.read_text()
    settings.write_text("REDIS_HOST=192.0.2.99\n")
    network.write_text("[Service]\nIPAddressAllow=192.0.2.99\n")
    try:
        assert run(DEPLOY / "systemd/install", installed / "usr/local/lib/vy-gateway", installed).returncode == 0
        assert settings.read_text() == "REDIS_HOST=192.0.2.99\n" and "192.0.2.99" in network.read_text()
    finally:
        settings.write_text(before[0])
        network.write_text(before[1])


# Containers


def test_hadolint_takes_the_dockerfile():
    # DL3008: pinned versions of Debian's packages are gone from its servers when the next security update comes.
    done = run("hadolint", "--ignore", "DL3008", DEPLOY / "docker/Dockerfile")
    assert done.returncode == 0, done.stdout


def test_the_packages_of_the_images_exist():
    wanted = dockerfile.packages(ROOT)
    assert wanted and wanted <= {line.split()[1] for line in run("apt-cache", "show", *wanted).stdout.splitlines() if line.startswith("Package: ")}


def test_the_images_products_exist():
    manifest = (ROOT / "Package.swift").read_text()
    assert all(f'.executable(name: "{name}"' in manifest for name in PROCESSES)


@pytest.mark.parametrize("profiles", [[], ["--profile", "demo"]], ids=["plain", "demo"])
def test_compose_takes_its_file(profiles):
    says_nothing(run("docker-compose", "-f", DEPLOY / "compose/compose.yaml", *profiles, "config", "-q"))


@pytest.mark.parametrize(("words", "status", "missing", "code"), [
    ([], 200, [], 0), ([], 503, ["redis: away"], 1), (["/livez"], 200, [], 0),
    (["/readyz", "redis"], 200, [], 0), (["/readyz", "redis"], 503, ["redis: away"], 0), (["/readyz", "redis"], 503, ['redis: "a", \\'], 0),
    (["/readyz", "redis"], 503, ["kafka: not reached yet", "redis: away"], 1), (["/readyz", "redis"], 503, ["redis: away", "kafka: away"], 1),
    (["/readyz", "redis|status topics"], 503, ["status topics: refused"], 0), (["/readyz", "redis|status topics"], 503, ["kafka: redis: x"], 1),
    (["/readyz", "redis"], 503, ["draining: SIGTERM"], 1), (["/readyz", "redis"], 500, ["redis: away"], 1),
])
def test_is_ready(words, status, missing, code):
    asked = []

    class Admin(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = json.dumps({"missing": missing, "ready": not missing}, separators=(",", ":")).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Admin) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert run(DEPLOY / "docker/is-ready", server.server_port, *words).returncode == code
    assert asked == [(words or ["/readyz"])[0]]
    assert run(DEPLOY / "docker/is-ready", server.server_port, *words).returncode == 1, "nobody listens"


# Kubernetes


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("overlay", kubernetes.overlays(ROOT), ids=lambda path: path.name)
def test_kubernetes_schemas_take_every_object(overlay, version):
    documents = list(yaml.safe_load_all(kubernetes.rendered(overlay)))
    for document in documents:
        kubernetes_validate.validate(document, version, strict=True)
    names = {(document["kind"], document["metadata"]["name"]) for document in documents}
    assert len(names) == len(documents) > 15


def test_an_unknown_field_is_not_let_through():
    document = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "x"}, "automountServiceAcountToken": False}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, KUBERNETES[0], strict=True)


# Proxies


@pytest.mark.parametrize("upstreams", ["proxies/nginx/upstreams.conf", "compose/upstreams.conf"])
def test_nginx_takes_the_example(tmp_path, upstreams):
    folder = shutil.copytree(DEPLOY / "proxies/nginx", tmp_path / "nginx")
    shutil.copy(DEPLOY / upstreams, folder / "upstreams.conf")
    done = run("nginx", "-t", "-q", "-c", folder / "nginx.conf", "-g", f"lock_file {tmp_path}/lock;")
    assert done.returncode == 0, done.stderr


# A share as it is shown, none (the way back), and none as one might write it.
@pytest.mark.parametrize(("share", "refusal"), [(r"\g<0>", ""), ("", ""), ("    0% edge_http;\n", 'invalid percent value "0%"')], ids=["there", "back", "zero"])
def test_nginx_takes_the_example_of_the_migration(tmp_path, share, refusal):
    blocks = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs/migrating-from-nestjs.md").read_text(), re.S)
    folder = shutil.copytree(DEPLOY / "proxies/nginx", tmp_path / "nginx")
    kept = (folder / "locations.conf").read_text().partition("location @edge_away")
    (folder / "locations.conf").write_text(blocks.pop() + kept[1] + kept[2])
    shares, count = re.subn(r"^ *\d+% .*\n", share, blocks.pop(), flags=re.M)
    assert count == 2 and not blocks
    (folder / "upstreams.conf").write_text((folder / "upstreams.conf").read_text() + shares)
    done = run("nginx", "-t", "-q", "-c", folder / "nginx.conf", "-g", f"lock_file {tmp_path}/lock;")
    assert refusal in done.stderr and (done.returncode == 0) == (not refusal), done.stderr


def test_haproxy_takes_the_example():
    done = run("haproxy", "-c", "-V", "-f", DEPLOY / "proxies/haproxy.cfg")
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr


def test_envoy_takes_the_example():
    done = run(str(files("envoy") / "_bin" / "envoy"), "--mode", "validate", "-c", DEPLOY / "proxies/envoy.yaml", "--log-level", "warn")
    assert done.returncode == 0 and "OK" in done.stdout, done.stderr


# Monitoring


def test_promtool_takes_the_alerts_and_each_comes_when_it_should():
    done = run("promtool", "check", "rules", DEPLOY / "monitoring/alerts.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    done = run("promtool", "test", "rules", DEPLOY / "monitoring/alerts.test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["prometheus.yaml", "prometheus-kubernetes.yaml"])
def test_promtool_takes_the_configurations(tmp_path, name):
    shutil.copy(DEPLOY / "monitoring/alerts.yaml", tmp_path)
    configuration = yaml.safe_load((DEPLOY / "monitoring" / name).read_text())
    for job in configuration["scrape_configs"]:
        # Debian's Prometheus is built without it.
        if job.pop("kubernetes_sd_configs", None):
            job["static_configs"] = [{"targets": []}]
    (tmp_path / name).write_text(yaml.safe_dump(configuration))
    done = run("promtool", "check", "config", tmp_path / name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_reads_each_query_of_the_dashboard(tmp_path):
    rules = [{"record": f"panel:{number}", "expr": expression} for number, (_, expression) in enumerate(monitoring.expressions(ROOT))]
    assert len(rules) > 50
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = run("promtool", "check", "rules", tmp_path / "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
