"""The check itself: each of these mistakes is named."""

import shutil
from pathlib import Path

import pytest
from deploycheck import KINDS, ROOT, Settings

UNITS, BASE, OVERLAYS, PROXIES = "deploy/systemd/units", "deploy/kubernetes/base", "deploy/kubernetes/overlays", "deploy/proxies"
BRIDGE, EDGE_HTTP, EDGE_WS = (f"{UNITS}/vy-gateway-{name}@.service" for name in ("bridge", "edge-http", "edge-ws"))
COMPOSE, DOCKERFILE = "deploy/compose/compose.yaml", "deploy/docker/Dockerfile"
ALERTS, DASHBOARD = "deploy/monitoring/alerts.yaml", "deploy/monitoring/grafana-dashboard.json"
READINESS = """        readinessProbe:
          httpGet: {path: /livez, port: http-admin}
          periodSeconds: 2
          timeoutSeconds: 2
          failureThreshold: 3
"""

# Kind, file, what is there, what is put in its place, what the finding says.
MISTAKES = [
    ("systemd", EDGE_HTTP, "HTTP_ADMIN_PORT=1%i", "HTTP_ADMIN_PORTS=1%i", "edge-http reads no setting HTTP_ADMIN_PORTS"),
    ("systemd", EDGE_HTTP, "HTTP_ADMIN_PORT=1%i", "HTTP_ADMIN_PORT=4140", "two processes listen on 4140"),
    ("systemd", EDGE_HTTP, "TimeoutStopSec=20s", "TimeoutStopSec=12s", "is killed after 12 s, but may need 14 s"),
    ("systemd", EDGE_HTTP, "LimitNOFILE=16384", "LimitNOFILE=8192", "LimitNOFILE is not more than HTTP_MAX_CONNECTIONS"),
    ("systemd", EDGE_HTTP, "Type=notify", "Type=simple", "is not of Type=notify"),
    ("systemd", EDGE_HTTP, "User=vy-gateway-http", "User=vy-gateway-ws", "BRIDGE_ALLOWED_UIDS of vy-gateway-bridge@4140.service does not have"),
    ("systemd", EDGE_WS, "ExecReload=/bin/kill -HUP $MAINPID", "", "does not reload by SIGHUP"),
    ("systemd", EDGE_WS, "WatchdogSec=20s", "", "has no watchdog"),
    ("systemd", EDGE_WS, "INSTANCE=%H-%i ", "INSTANCE=%H ", "2 of edge-ws have the INSTANCE host"),
    ("systemd", BRIDGE, "RuntimeDirectoryPreserve=yes", "", "takes the other bridges' sockets away"),
    ("systemd", BRIDGE, "WatchdogSec", "PrivateUsers=yes\nWatchdogSec", "hides from the bridge who connects"),
    ("systemd", BRIDGE, "Restart=on-failure", "Restart=always", "would take over again"),
    ("systemd", f"{UNITS}/vy-gateway-edge-ws@.service.d/50-network.conf", "192.0.2.40", "192.0.2.0/24", "may reach the broker 192.0.2.17"),
    ("systemd", f"{UNITS}/vy-gateway-bridge@.service.d/50-network.conf", "192.0.2.16/28", "", "may not reach the broker"),
    ("systemd", "deploy/systemd/etc/edge-http.env", "bridge-4150.sock", "bridge-4160.sock", "where no bridge listens"),
    ("systemd", "deploy/systemd/etc/edge-ws.env", "WS_TRUSTED", "KAFKA_BROKER=x:1\nWS_TRUSTED", "edge-ws reads no setting KAFKA_BROKER"),
    ("systemd", "deploy/systemd/etc/bridge@4150.env", "PARTITION=1", "PARTITION=0", "KAFKA_REPLY_PARTITION 0 is another bridge's"),
    ("systemd", "deploy/systemd/etc/edge-http.env", "http://127.0.0.1:14043", "http://127.0.0.1:14044", "CONSOLE_PEERS and the admin ports differ: http://127.0.0.1:14043, http://127.0.0.1:14044"),
    ("systemd", "docs/deployment.md", "vy-gateway-edge-ws@4043", "", "fewer than two of vy-gateway-edge-ws@"),
    ("systemd", "docs/deployment.md", "restart vy-gateway-bridge@4140 vy-gateway-bridge@4150 ", "restart vy-gateway-bridge@4140 ", "an upgrade does not restart vy-gateway-bridge@4150"),
    ("systemd", "docs/deployment.md", "@4150 vy-gateway-edge-http@4040 vy-gateway-edge-http@4050 \\\n    vy-gateway-edge-ws@4042 vy-gateway-edge-ws@4043\n```", "@4150 vy-gateway-edge-ws@4042 vy-gateway-edge-ws@4043 vy-gateway-edge-http@4040 vy-gateway-edge-http@4050\n```", "an upgrade does not go from bridges over edge-http to edge-ws"),
    ("systemd", "deploy/systemd/restart", 'echo "1$port"', 'echo "$port"', "restart: asks http://127.0.0.1:4040/readyz for vy-gateway-edge-http@4040, not http://127.0.0.1:14040/readyz"),
    ("systemd", "deploy/systemd/restart", 'systemctl restart "$unit"', 'systemctl try-restart "$unit"', "restart: does not restart vy-gateway-bridge@4140"),
    ("dockerfile", DOCKERFILE, "EXPOSE 4042 4142", "EXPOSE 4042 4143", "edge-ws exposes other ports than [4042, 4142]"),
    ("dockerfile", DOCKERFILE, "USER 871:871", "", "bridge-kafka does not run as a user other than root"),
    ("dockerfile", DOCKERFILE, "deploy/docker/is-ready ", "deploy/docker/is-red ", "copies deploy/docker/is-red, which does not exist"),
    ("dockerfile", DOCKERFILE, "--from=build /programs/edge-http", "--from=builder /programs/edge-http", "copies from builder, which is no stage"),
    ("dockerfile", DOCKERFILE, "SERVICES_DIR=", "SERVICE_DIR=", "sets SERVICE_DIR, which edge-http does not read"),
    ("dockerfile", DOCKERFILE, "ca-certificates libhiredis0.14", "ca-certificates librdkafka1", "only the bridge's image has librdkafka"),
    ("dockerfile", ".dockerignore", "!Sources", "", "copies Sources, which .dockerignore keeps out"),
    ("compose", COMPOSE, 'APP_PORT: "4040"', 'APP_PORT: "4041"', "upstreams.conf and the edges' addresses differ"),
    ("compose", COMPOSE, '"is-ready", "4142"', '"is-ready", "4042"', "asks port 4042, but the admin port of edge-ws is 4142"),
    ("compose", COMPOSE, '"is-ready", "4141"', '"is-ready", "4141", "/healthz"', "asks for /healthz"),
    ("compose", COMPOSE, "  stop_grace_period: 20s\n", "", "is killed after 10 s, but may need 14 s"),
    ("compose", COMPOSE, "INSTANCE: edge-ws-2", "INSTANCE: edge-ws-1", "2 of edge-ws have the INSTANCE edge-ws-1"),
    ("compose", COMPOSE, "edge-ws:0.1.0", "edge-ws:0.2.0", "its image is not vy-gateway/edge-ws:0.1.0"),
    ("compose", COMPOSE, "networks: {front: {ipv4_address: 172.30.40.31}, redis: {}}", "networks: {front: {ipv4_address: 172.30.40.31}, redis: {}, kafka: {}}", "is on the broker's network"),
    ("compose", COMPOSE, "http://bridge-2:4140", "http://bridge-2:4141", "CONSOLE_PEERS and the admin ports differ: http://bridge-2:4140, http://bridge-2:4141"),
    ("compose", COMPOSE, "  ADMIN_HOST: 0.0.0.0\n", "", "compose edge-ws-1: the console cannot reach its ADMIN_HOST"),
    ("compose", COMPOSE, '"127.0.0.1:4141:4141"', '"4141:4141"', "compose edge-http-1: is open to other hosts"),
    ("compose", COMPOSE, "REDIS_HOST: redis", "REDIS_HOTS: redis", "reads no setting REDIS_HOTS"),
    ("kubernetes", f"{BASE}/edge-ws.yaml", "terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds: 18", "is killed after 13 s, but may need 14 s"),
    ("kubernetes", f"{BASE}/edge-http.yaml", "terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 30", "may need 14 s to stop"),
    ("kubernetes", f"{BASE}/common.env", "SHUTDOWN_TIMEOUT=10000", "SHUTDOWN_TIMEOUT=40000", "may need 44 s to stop"),
    ("kubernetes", f"{BASE}/edge-ws.yaml", "containerPort: 4142", "containerPort: 4141", "listens on [4042, 4142]"),
    ("kubernetes", f"{BASE}/edge-ws.yaml", READINESS, "", "has no readinessProbe"),
    ("kubernetes", f"{BASE}/edge-ws.yaml", READINESS, READINESS.replace("livez", "readyz"), "edge-ws: loses its sessions while Redis is away"),
    ("kubernetes", f"{BASE}/edge-ws.yaml", "httpGet: {path: /readyz, port: http-admin}", "httpGet: {path: /livez, port: http-admin}", "edge-ws: startupProbe is not /readyz: a rollout has to wait for Redis"),
    ("kubernetes", f"{BASE}/edge-ws.yaml", "failureThreshold: 1800", "failureThreshold: 30", "edge-ws: is killed for what others lack: startupProbe waits 60 s"),
    ("kubernetes", f"{BASE}/edge-http.yaml", "failureThreshold: 1800", "failureThreshold: 60", "bridge-kafka: is killed for what others lack: startupProbe waits 120 s"),
    ("kubernetes", f"{BASE}/edge-http.yaml", '"4140", /readyz, "redis|status topics"]', '"4140", /readyz]', "bridge-kafka: keeps REST from starting while Redis is away or a status topic is refused"),
    ("kubernetes", f"{BASE}/edge-http.yaml", '"4140", /readyz, "redis|status topics"]', '"4140", /livez]', "bridge-kafka: a rollout goes on without the broker"),
    ("kubernetes", f"{BASE}/edge-http.yaml", 'is-ready, "4140"', 'is-ready, "4141"', "startupProbe: asks port 4141, but the admin port of bridge-kafka is 4140"),
    ("kubernetes", f"{BASE}/edge-http.yaml", "[is-ready, ", "[is-red, ", "startupProbe asks by another program than is-ready"),
    ("kubernetes", f"{BASE}/edge-http.yaml", "httpGet: {path: /readyz, port: http-admin}", "httpGet: {path: /livez, port: http-admin}", "edge-http: gets requests without a bridge"),
    ("kubernetes", f"{BASE}/edge-http.yaml", "httpGet: {path: /livez, port: http-admin}\n          periodSeconds: 10", "httpGet: {path: /healthz, port: http}\n          periodSeconds: 10", "livenessProbe: asks port 4040"),
    ("kubernetes", f"{BASE}/edge-http.yaml", "enableServiceLinks: false", "enableServiceLinks: true", "a Service could set REDIS_PORT"),
    ("kubernetes", f"{BASE}/edge-http.yaml", "restartPolicy: Always", "", "the bridge is no native sidecar"),
    ("kubernetes", f"{BASE}/edge-http.yaml", 'command: ["sleep", "5"]', 'command: ["sleep", "25"]', "may need 14 s to stop"),
    ("kubernetes", f"{BASE}/edge-http.yaml", "runAsUser: 872", "runAsUser: 874", "runs as 874, which BRIDGE_ALLOWED_UIDS"),
    ("kubernetes", f"{BASE}/edge-http.yaml", "name: KAFKA_REPLY_PARTITION", "name: KAFKA_REPLY_PARTITON", "reads no setting KAFKA_REPLY_PARTITON"),
    ("kubernetes", f"{BASE}/edge-http.env", "HTTP_ADMIN_PORT=4141", "HTTP_ADMIN_PORT=4144", "but listens on [4040, 4144]"),
    ("kubernetes", f"{BASE}/bridge.env", "bridge/bridge.sock", "bridge/b.sock", "where no bridge listens"),
    ("kubernetes", f"{BASE}/bridge.env", "kafka.svc.cluster.local:9092", "kafka.svc.cluster.local:9094", "but needs [('kafka', 9094)"),
    ("kubernetes", f"{OVERLAYS}/production/kustomization.yaml", "value: 16}", "value: 17}", "maxReplicas 17 is more than KAFKA_REPLY_PARTITIONS 16"),
    ("kubernetes", f"{BASE}/availability.yaml", "matchLabels: {app.kubernetes.io/name: vy-gateway-edge-ws}", "matchLabels: {app.kubernetes.io/name: edge-ws}", "has no PodDisruptionBudget"),
    ("kubernetes", f"{BASE}/network.yaml", "matchLabels: {app.kubernetes.io/name: vy-gateway-edge-http}\n  policyTypes: [Egress]", "matchLabels: {app.kubernetes.io/part-of: vy-gateway}\n  policyTypes: [Egress]", "edge-ws: may connect to"),
    ("kubernetes", f"{BASE}/network.yaml", "port: 4318", "port: 4317", "but needs [('kube-system', 53), ('opentelemetry', 4318)"),
    ("kubernetes", f"{BASE}/common.env", "OTEL_EXPORTER_OTLP_ENDPOINT=http://otel-collector.opentelemetry.svc.cluster.local:4318\n", "", "may connect to"),
    ("kubernetes", f"{BASE}/network.yaml", "  - from:\n    - podSelector: {matchLabels: {app.kubernetes.io/name: vy-gateway-edge-http}}\n    ports: [{protocol: TCP, port: 4140}, {protocol: TCP, port: 4141}]", "  - from:\n    - podSelector: {matchLabels: {app.kubernetes.io/name: vy-gateway-edge-http}}\n    ports: [{protocol: TCP, port: 4141}]", "the console may connect at [4141], but needs [4140, 4141]"),
    ("kubernetes", f"{BASE}/network.yaml", "  - from:\n    - podSelector: {matchLabels: {app.kubernetes.io/name: vy-gateway-edge-http}}\n    ports: [{protocol: TCP, port: 4140}", "  - from:\n    - podSelector: {matchLabels: {app.kubernetes.io/name: vy-gateway-edge-http}}\n    ports: [{protocol: TCP, port: bridge-admin}", "bridge-admin is a port of an init container"),
    ("kubernetes", f"{BASE}/edge-http.yaml", "targetPort: 4140", "targetPort: bridge-admin", "bridge-admin is a port of an init container"),
    ("kubernetes", f"{BASE}/network.yaml", "ports: [{protocol: TCP, port: 4142}]", "ports: [{protocol: TCP, port: 4042}]", "may connect to the pods [('vy-gateway-edge-http', 4140)"),
    ("kubernetes", f"{BASE}/edge-ws.yaml", "  publishNotReadyAddresses: true\n", "", "edge-ws: has no headless Service of its own for the console"),
    ("kubernetes", f"{BASE}/edge-ws.yaml", "port: 4142, targetPort: http-admin", "port: 4142, targetPort: http", "leads to {4142: 4042}, not to [4142]"),
    ("kubernetes", f"{BASE}/edge-http.env", "vy-gateway-edge-ws-admin", "vy-gateway-edge-ws-pods", "CONSOLE_PEERS and the admin ports differ"),
    ("kubernetes", f"{OVERLAYS}/production/secrets-edge-http.yaml", "{name: tokens, mountPath", "{name: kafka, mountPath: /k}\n        - {name: tokens, mountPath", "Kafka's secret is mounted into"),
    ("kubernetes", f"{OVERLAYS}/production/kustomization.yaml", "- ../../base", "- ../../bases", "kubernetes production:"),
    ("proxies", f"{PROXIES}/nginx/locations.conf", "proxy_read_timeout 130s", "proxy_read_timeout 60s", "nginx: waits 60 s for an answer, but KAFKA_REPLY_TIMEOUT_MAX is 120 s"),
    ("proxies", f"{PROXIES}/nginx/locations.conf", "proxy_read_timeout 60s", "proxy_read_timeout 30s", "nginx: ends a WebSocket after 30 s"),
    ("proxies", f"{PROXIES}/nginx/locations.conf", "error timeout", "error timeout non_idempotent", "nginx: may send a request twice"),
    ("proxies", f"{PROXIES}/nginx/locations.conf", "location /socket.io/", "location /socketio/", "nginx: sends /socketio/ to edge-ws"),
    ("proxies", f"{PROXIES}/nginx/gateway.conf", "client_max_body_size 16m", "client_max_body_size 512k", "nginx: refuses bodies above 524288 bytes"),
    ("proxies", f"{PROXIES}/nginx/gateway.conf", '"$remote_addr $arg_userId"', '"$request_id"', "nginx: does not send all requests of a Socket.IO session"),
    ("proxies", f"{PROXIES}/nginx/upstreams.conf", "127.0.0.1:4050", "127.0.0.1:4051", "nginx: sends requests to other ports of edge-http"),
    ("proxies", f"{PROXIES}/nginx/upstreams.conf", "upstream edge_http {", "upstream edge_http {\n    keepalive 32;", "nginx: keeps connections"),
    ("proxies", f"{PROXIES}/haproxy.cfg", "timeout tunnel 60s", "timeout tunnel 30s", "haproxy: ends a WebSocket after 30 s"),
    ("proxies", f"{PROXIES}/haproxy.cfg", "    retry-on conn-failure\n", "    retry-on all-retryable-errors\n", "haproxy: may send a request twice: all-retryable-errors"),
    ("proxies", f"{PROXIES}/haproxy.cfg", "    http-request disable-l7-retry unless METH_GET\n", "", "haproxy: may send a request twice: 503"),
    ("proxies", f"{PROXIES}/haproxy.cfg", "check port 14043", "check port 4043", "haproxy: checks edge-ws on 4043 at port 4043"),
    ("proxies", f"{PROXIES}/haproxy.cfg", "httpchk GET /readyz", "httpchk GET /health", "haproxy: checks edge-http by /health"),
    ("proxies", f"{PROXIES}/haproxy.cfg", "balance hash var(txn.key)", "balance roundrobin", "haproxy: does not send all requests"),
    ("proxies", f"{PROXIES}/haproxy.cfg", "hard-stop-after 130s", "hard-stop-after 30s", "haproxy: an old process ends after 30 s"),
    ("proxies", f"{PROXIES}/envoy.yaml", "timeout: 130s, idle_timeout: 130s", "timeout: 15s, idle_timeout: 130s", "envoy: waits 15 s for an answer"),
    ("proxies", f"{PROXIES}/envoy.yaml", "retry_on: connect-failure,", 'retry_on: "connect-failure,5xx",', "envoy: may send a request twice: 5xx"),
    ("proxies", f"{PROXIES}/envoy.yaml", "timeout: 0s\n", "timeout: 15s\n", "envoy: ends a WebSocket after 15 s"),
    ("proxies", f"{PROXIES}/envoy.yaml", "max_requests_per_connection: 1", "max_requests_per_connection: 100", "envoy: keeps connections"),
    ("proxies", f"{PROXIES}/envoy.yaml", "health_check_config: {port_value: 14040}", "health_check_config: {port_value: 4040}", "envoy: checks edge-http on 4040 at port 4040"),
    ("kubernetes", f"{BASE}/network.yaml", "kubernetes.io/metadata.name: monitoring", "kubernetes.io/metadata.name: default", "may be connected to by"),
    ("monitoring", ALERTS, "vy_gateway_ready == 0", "vy_gateway_readiness == 0", "VyGatewayNotReady: vy_gateway_readiness is not in docs/metrics.md"),
    ("monitoring", ALERTS, 'queue!="status_updates"', 'name!="status_updates"', "vy_gateway_queue_items has no label name"),
    ("monitoring", ALERTS, "max by (job, instance, client)", "max by (job, instance, clients)", "vy_gateway_kafka_broker_up has no label clients"),
    ("monitoring", ALERTS, "rate(vy_gateway_queue_refused_total[5m]) > 0", "vy_gateway_queue_refused_total > 0", "vy_gateway_queue_refused_total is a counter"),
    ("monitoring", ALERTS, "expr: vy_gateway_ready == 0", "expr: rate(vy_gateway_ready[5m]) == 0", "vy_gateway_ready is a gauge"),
    ("monitoring", ALERTS, "executor, le)", "executor)", "is not summed by le"),
    ("monitoring", ALERTS, 'reason="slow consumer"', 'reason="slow client"', "no reason is ever slow client"),
    ("monitoring", ALERTS, 'up{job=~"vy-gateway-.+"} == 0\n    for: 2m', "up == 0\n    for: 2m", "VyGatewayDown: up is asked of all jobs"),
    ("monitoring", ALERTS, "#vygatewaydown", "#down", "its runbook is not docs/alerts.md#vygatewaydown"),
    ("monitoring", ALERTS, "severity: critical", "severity: page", "its severity is none of critical, warning"),
    ("monitoring", ALERTS, "alert: VyGatewayMemory", "alert: VyGatewayRAM", "there is no alert VyGatewayMemory"),
    ("monitoring", "docs/alerts.md", "### VyGatewayMemory", "### Memory", "has no section VyGatewayMemory"),
    ("monitoring", "docs/metrics.md", "| `vy_gateway_redis_up` | gauge |", "| `vy_gateway_redis_up` | counter |", "vy_gateway_redis_up is a counter"),
    ("monitoring", "deploy/monitoring/alerts.test.yaml", "  - {alertname: VyGatewayMemory, eval_time: 16m}\n", "", "VyGatewayMemory is never silent"),
    ("monitoring", "deploy/monitoring/alerts.test.yaml", "- alertname: VyGatewayMemory", "- alertname: VyGatewayDown", "VyGatewayMemory is never provoked"),
    ("monitoring", "deploy/monitoring/prometheus.yaml", "127.0.0.1:14050", "127.0.0.1:4050", "scrapes other ports of edge-http"),
    ("monitoring", "deploy/monitoring/prometheus-kubernetes.yaml", "vy-gateway;.*admin", "vy-gateway;http.*", "not its admin port"),
    ("monitoring", "deploy/monitoring/prometheus-kubernetes.yaml", "Pending|Running", "Running", "prometheus-kubernetes.yaml: scrapes pods that are Running, not"),
    ("monitoring", "deploy/monitoring/prometheus-kubernetes.yaml", "Pending|Running", ".+", "scrapes pods that are Pending, Running, Succeeded"),
    ("monitoring", "deploy/monitoring/prometheus-kubernetes.yaml", "vy-gateway-$1", "$1", "its jobs are bridge-kafka, edge-http, edge-ws, not"),
    ("monitoring", f"{BASE}/edge-ws.yaml", "limits: {memory: 1Gi}", "limits: {memory: 2Gi}", "edge-ws may have 2Gi, not 1024 MiB"),
    ("monitoring", DASHBOARD, "socketio_upgrades_total", "socketio_upgrade_total", "socketio_upgrade_total is not in docs/metrics.md"),
    ("monitoring", DASHBOARD, "sum by (transport) (rate(socketio_sessions_opened_total", "sum by (kind) (rate(socketio_sessions_opened_total", "socketio_sessions_opened_total has no label kind"),
    ("monitoring", DASHBOARD, "vy_gateway_socket_users", "socketio_sockets", "does not show vy_gateway_socket_users"),
    ("monitoring", DASHBOARD, '"uid": "${datasource}"', '"uid": "prometheus"', "does not ask the chosen data source"),
    ("monitoring", DASHBOARD, '"name": "route"', '"name": "path"', "there is no variable route"),
    ("monitoring", DASHBOARD, '"y": 6}', '"y": 5}', "lies over"),
    # The program's own settings change, and the files do not.
    ("proxies", ".env-example", "KAFKA_REPLY_TIMEOUT_MAX=120000", "KAFKA_REPLY_TIMEOUT_MAX=240000", "KAFKA_REPLY_TIMEOUT_MAX is 240 s"),
    ("proxies", ".env-example", "WS_PING_INTERVAL=25000", "WS_PING_INTERVAL=50000", "a heartbeat may take 70 s"),
    ("systemd", ".env-example", "SHUTDOWN_TIMEOUT=10000", "SHUTDOWN_TIMEOUT=17000", "may need 21 s"),
    ("dockerfile", ".env-example", "WS_PORT=4042", "WS_PORT=4044", "edge-ws exposes other ports than [4044, 4142]"),
]


@pytest.fixture
def copy(tmp_path) -> Path:
    """The parts of the repository that the check reads."""
    for name in ("deploy", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in (".env-example", "README.md", ".dockerignore", "Package.swift"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("Sources", "Tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.mark.parametrize(("kind", "file", "old", "new", "says"), MISTAKES, ids=[f"{m[0]}: {m[4]}" for m in MISTAKES])
def test_a_mistake_is_named(copy, kind, file, old, new, says):
    text = (copy / file).read_text()
    assert old in text, f"{file} has changed: '{old}' is not in it"
    (copy / file).write_text(text.replace(old, new))
    found = KINDS[kind].findings(copy, Settings.read(copy))
    assert any(says in finding for finding in found), found


@pytest.mark.parametrize("kind", KINDS)
def test_the_copy_itself_is_right(copy, kind):
    assert KINDS[kind].findings(copy, Settings.read(copy)) == []
