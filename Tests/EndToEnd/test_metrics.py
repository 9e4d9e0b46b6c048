"""What operators and load balancers see: /metrics, /livez, /readyz and /healthz of three running processes."""

import http.client
import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from harness.active_campaign import SYNC, active_campaign, pay, telling
from harness.clock import running
from harness.extra import Raw, edge_ws
from harness.http import Answer, request
from harness.processes import wait_until
from harness.rest import edge_http
from harness.stack import ROOT, SERVICE, intent

PATH = SERVICE + "/payment-intents"
TOPIC = "vy-finance-payments.payment-intents.create"
ROW = re.compile(r"^\| `([a-z_]+)` \| (counter|gauge|histogram) \| (.*?) \| (.*?) \| .* \|$", re.M)
SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"')


def scrape(port: int) -> str:
    answer = request(port, "GET", "/metrics")
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer.body.decode()


def series(text: str) -> dict[tuple, float]:
    """Values by name and labels."""
    values = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        key = (name, *sorted(LABEL.findall(labels or "")))
        assert key not in values, f"twice: {line}"
        values[key] = float(value)
    return values


def value(port: int, name: str, **labels: str) -> float:
    return series(scrape(port)).get((name, *sorted(labels.items())), 0)


def documented() -> dict[str, tuple[str, set[str], set[str]]]:
    """Type, labels and processes by name, of the table in docs/metrics.md."""
    rows = {}
    for name, kind, labels, processes in ROW.findall((ROOT / "docs/metrics.md").read_text()):
        of = {"edge-http", "edge-ws", "bridge-kafka"} if processes == "all" else set(processes.split(", "))
        rows[name] = (kind, set(re.findall(r"`([a-z_]+)`", labels)), of)
    return rows


def admin(stack) -> dict[str, int]:
    return {"edge-http": stack.admin["edge-http"], "edge-ws": stack.admin["edge-ws-1"], "bridge-kafka": stack.admin["bridge"]}


def use(stack) -> None:
    """A little of everything, so that there is something to count."""
    assert stack.create().status == 201
    assert stack.create(headers={"Idempotency-Key": f"metrics-{time.time()}"}).status == 201
    assert stack.post("/payment-intents", {"amount": "x"}).status == 422
    assert request(stack.ports["edge-http"], "GET", "/nowhere").status == 404
    with Raw(stack.ports["edge-ws-1"], "&userId=metrics") as client:
        client.join()
        client.send(f"42/finance-payments,1{json.dumps([TOPIC, intent('metrics')])}")
        wait_until(lambda: (client.receive() or "").startswith("43/finance-payments,1["), 5, "an acknowledgement")


@pytest.mark.parametrize("process", ["edge-http", "edge-ws", "bridge-kafka"])
def test_what_is_exposed_is_what_is_documented(stack, process):
    use(stack)
    text = scrape(admin(stack)[process])
    wanted = {name: row for name, row in documented().items() if process in row[2]}
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    assert types == {name: row[0] for name, row in wanted.items()}
    assert set(re.findall(r"^# HELP (\S+) .", text, re.M)) == set(wanted)
    for name, *labels in series(text):
        family = name if name in wanted else re.sub(r"_(bucket|sum|count)$", "", name)
        kind, names, _ = wanted[family]
        assert {label for label, _ in labels} - ({"le"} if kind == "histogram" else set()) == names, (name, labels)


@pytest.mark.parametrize("process", ["edge-http", "edge-ws", "bridge-kafka"])
def test_promtool_has_no_objection(stack, process):
    promtool = shutil.which("promtool")
    assert promtool, "Debian's package prometheus has it: ./deploy/dev test installs it"
    use(stack)
    done = subprocess.run([promtool, "check", "metrics"], input=scrape(admin(stack)[process]), capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_requests_are_counted_once(stack):
    port = stack.admin["edge-http"]
    labels = {"method": "POST", "route": PATH, "status": "201"}
    before = value(port, "http_server_request_duration_seconds_count", **labels)
    answered = value(port, "vy_gateway_http_outcomes_total", outcome="answered")
    sent = value(port, "vy_gateway_bridge_link_outcomes_total", outcome="reply")
    bridge = value(stack.admin["bridge"], "vy_gateway_bridge_ended_total", outcome="answered")
    for _ in range(5):
        assert stack.create().status == 201
    assert value(port, "http_server_request_duration_seconds_count", **labels) == before + 5
    assert value(port, "http_server_request_duration_seconds_bucket", le="+Inf", **labels) == before + 5
    assert value(port, "vy_gateway_http_outcomes_total", outcome="answered") == answered + 5
    assert value(port, "vy_gateway_bridge_link_outcomes_total", outcome="reply") == sent + 5
    assert value(stack.admin["bridge"], "vy_gateway_bridge_ended_total", outcome="answered") == bridge + 5


def test_problems_are_counted_by_what_they_mean(stack):
    port = stack.admin["edge-http"]
    cases = [
        ("invalid", "unknown-route", lambda: stack.post("/nowhere"), 404),
        ("not_sent", "topic-missing", lambda: stack.post("/e2e/missing"), 503),
        ("unknown", "deadline", lambda: stack.post("/e2e/silent", intent(demo={"reply": "silent"})), 504),
    ]
    for outcome, code, call, status in cases:
        outcomes = value(port, "vy_gateway_http_outcomes_total", outcome=outcome)
        codes = value(port, "vy_gateway_http_problems_total", code=code)
        answer = call()
        assert answer.status == status, answer
        assert answer.json()["type"].endswith(code), answer
        assert value(port, "vy_gateway_http_outcomes_total", outcome=outcome) == outcomes + 1
        assert value(port, "vy_gateway_http_problems_total", code=code) == codes + 1


def test_ids_of_operations_are_one_route(stack):
    port = stack.admin["edge-http"]
    labels = {"method": "GET", "route": "/operations/{id}", "status": "404"}
    before = value(port, "http_server_request_duration_seconds_count", **labels)
    for number in range(3):
        assert request(stack.ports["edge-http"], "GET", f"/operations/{number:032x}").status == 404
    assert value(port, "http_server_request_duration_seconds_count", **labels) == before + 3


def test_strange_requests_make_no_series(stack):
    """Paths, methods and events that clients make up."""
    http_port, ws_port = stack.ports["edge-http"], stack.ports["edge-ws-1"]
    strange = [("GET", "/a"), ("BREW", "/a"), ("PROPFIND", PATH), ("POST", "/a"), ("PUT", "/a"), ("GET", PATH)]

    def ask(paths) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", http_port, timeout=10)
        for method, path in paths:
            connection.request(method, path)
            response = connection.getresponse()
            response.read()
            if response.will_close:
                connection.close()
        connection.close()

    def send(names) -> None:
        for batch in [names[start:start + 50] for start in range(0, len(names), 50)]:
            with Raw(ws_port, "&userId=strange") as client:
                client.join()
                for number, name in enumerate(batch):
                    client.send(f"42/finance-payments,{number}{json.dumps([name, {}])}")
                last = f"43/finance-payments,{len(batch) - 1}["
                wait_until(lambda: (client.receive() or last).startswith(last), 10, "the last answer")

    ask(strange)
    send(["first"])
    before = {name: set(series(scrape(port))) for name, port in admin(stack).items()}
    ask([(method, f"{path}/{number}") for number in range(300) for method, path in strange])
    ask([(f"M{number}", f"/{number}\"{{}}%0A") for number in range(500)])
    send([f"event-{number}\"\n" for number in range(1000)])
    for name, port in admin(stack).items():
        new = set(series(scrape(port))) - before[name]
        # Buckets of what had no series before belong to no more than one family at a time.
        assert not {key for key in new if "strange" in str(key) or "event-" in str(key) or "/1" in str(key)}
        assert len(new) <= 40, new
    assert value(stack.admin["edge-ws-1"], "socketio_events_total", event="other", outcome="invalid") >= 1001


def test_queues_and_processes_have_figures(stack):
    use(stack)
    for name, port in admin(stack).items():
        values = series(scrape(port))
        process = stack.named({"edge-ws": "edge-ws-1", "bridge-kafka": "bridge"}.get(name, name))
        resident = int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())[1]) * 1024
        assert abs(values[("process_resident_memory_bytes",)] - resident) < resident / 4
        assert abs(values[("process_start_time_seconds",)] - time.time()) < 7200
        assert values[("process_threads",)] > 2 and values[("process_open_fds",)] > 5
        assert values[("vy_gateway_ready",)] == 1
        limits = {key[1][1] for key in values if key[0] in ("vy_gateway_queue_items_limit", "vy_gateway_queue_bytes_limit")}
        held = {key[1][1] for key in values if key[0] in ("vy_gateway_queue_items", "vy_gateway_queue_bytes")}
        assert limits == held and {"redis", "log"} <= limits
        # All of them are in the page.
        page = (ROOT / "docs/metrics.md").read_text()
        assert all(f"`{queue}`" in page for queue in held), held
        for key, held_now in values.items():
            if key[0] == "vy_gateway_queue_items" and ("vy_gateway_queue_items_limit", key[1]) in values:
                assert held_now <= values[("vy_gateway_queue_items_limit", key[1])], key
        assert values[("vy_gateway_executor_lag_seconds_count", ("executor", "event_loop"))] > 0
        assert values[("vy_gateway_executor_lag_seconds_count", ("executor", "pool"))] > 0


def test_kafka_has_figures(stack):
    port = stack.admin["bridge"]
    assert stack.confirm(stack.create().json()["id"]).status == 200
    wait_until(lambda: "vy_gateway_kafka_statistics_age_seconds{client=\"producer\"}" in scrape(port), 12, "the first statistics")
    wait_until(lambda: value(port, "vy_gateway_kafka_sent_messages_total", client="producer") > 0, 12, "a record")
    values = series(scrape(port))
    ups = {key for key, up in values.items() if key[0] == "vy_gateway_kafka_broker_up" and up == 1}
    assert any(("client", "producer") in key for key in ups), values
    lag = 'vy_gateway_kafka_consumer_lag_records{client="status",topic="payment-status-update",partition="'
    wait_until(lambda: lag in scrape(port), 20, lambda: "\n".join(line for line in scrape(port).splitlines() if "kafka" in line and line[0] != "#"))
    assert values[("vy_gateway_queue_items_limit", ("queue", "kafka"))] == 100_000


def test_sockets_are_counted(stack):
    port = stack.admin["edge-ws-1"]
    before = value(port, "socketio_sessions", transport="websocket")
    opened = value(port, "socketio_sessions_opened_total", transport="websocket")
    with Raw(stack.ports["edge-ws-1"], "&userId=counted") as client:
        client.join()
        assert value(port, "socketio_sessions", transport="websocket") == before + 1
        assert value(port, "socketio_sockets") >= 1 and value(port, "socketio_rooms") >= 1
        assert value(port, "vy_gateway_socket_users") >= 1 and value(port, "vy_gateway_redis_subscriptions") >= 1
    wait_until(lambda: value(port, "socketio_sessions", transport="websocket") == before, 5, "its end")
    assert value(port, "socketio_sessions_opened_total", transport="websocket") == opened + 1
    assert value(port, "socketio_sessions_ended_total", reason="transport close") >= 1


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz", "/version", "/counters"])
@pytest.mark.parametrize("method,status", [("HEAD", 200), ("POST", 405), ("DELETE", 405), ("OPTIONS", 405), ("PROPFIND", 405), ("BREW", 400)])
def test_the_admin_port_takes_no_other_methods(stack, path, method, status):
    for port in admin(stack).values():
        answer = request(port, method, path, b"x" if status == 405 else None)
        assert answer.status == status
        assert answer.body == b"" if status != 405 else answer.headers["allow"] == "GET, HEAD"


def test_the_admin_port_bears_with_nonsense(stack):
    for port in admin(stack).values():
        assert request(port, "GET", "/nothing").status == 404
        assert request(port, "GET", "/metrics?name[]=x").status == 200
        with pytest.raises((OSError, http.client.HTTPException)):
            request(port, "POST", "/metrics", b"x" * 10_000_000)
        assert request(port, "GET", "/livez").json() == {"live": True, "stalled": []}


# For load balancers


def healthz(port: int, method: str = "GET") -> Answer:
    return request(port, method, "/healthz", timeout=3)


@pytest.mark.parametrize("edge", ["edge-http", "edge-ws-1"])
def test_healthz_of_the_public_ports(stack, edge):
    port = stack.ports[edge]
    answer = healthz(port)
    assert (answer.status, answer.body) == (200, b"ok\n")
    assert answer.headers["cache-control"] == "no-store"
    assert (healthz(port, "HEAD").status, healthz(port, "HEAD").body) == (200, b"")
    refused = healthz(port, "POST")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")
    assert request(port, "GET", "/healthz/").status == 404


def test_healthz_asks_for_no_token_and_has_no_rate(stack):
    with edge_http(stack, "http-health", AUTH_JWT_SECRET="0" * 32, RATE_LIMIT_ADDRESS=1, LOG_STREAM_LEVEL="info") as process:
        assert all(healthz(process.port).status == 200 for _ in range(20))
        assert request(process.admin, "GET", "/metrics").body.count(b"healthz") == 0
        assert "healthz" not in process.log.read_text()


@pytest.mark.disturbs
def test_healthz_without_a_bridge(stack):
    stack.bridge.kill()
    port = stack.ports["edge-http"]
    wait_until(lambda: healthz(port).status == 503, 5, "503")
    assert healthz(port).body == b"unavailable\n"
    assert value(stack.admin["edge-http"], "vy_gateway_ready") == 0
    assert value(stack.admin["edge-http"], "vy_gateway_bridge_link_up") == 0
    assert request(stack.admin["edge-http"], "GET", "/livez").status == 200
    # Sockets get their updates from Redis.
    assert healthz(stack.ports["edge-ws-1"]).status == 200


def test_an_edge_that_stops_says_so_at_once(stack):
    """Before its listener closes, over a connection that was there."""
    with edge_http(stack, "http-drain") as process:
        connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=5)
        slow = http.client.HTTPConnection("127.0.0.1", process.port, timeout=10)
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok\n"
        # Keeps the process from ending.
        body = json.dumps(intent(demo={"delayMs": 1500})).encode()
        slow.request("POST", PATH, body, {"Content-Type": "application/json"})
        time.sleep(0.3)
        process.terminate()
        wait_until(lambda: request(process.admin, "GET", "/readyz").status == 503, 1, "the readiness", pause=0.005)
        assert "draining" in request(process.admin, "GET", "/readyz").json()["missing"]
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (503, b"unavailable\n")
        assert slow.getresponse().status == 201


def test_a_socket_edge_that_stops_says_so_at_once(stack):
    with edge_ws(stack, "ws-health", WS_DRAIN_TIME=1500) as process:
        with Raw(process.port) as first, Raw(process.port) as second:
            first.join()
            second.join()
            assert healthz(process.port).status == 200
            process.terminate()
            wait_until(lambda: healthz(process.port).status == 503, 1, "503", pause=0.005)
            assert "draining" in request(process.admin, "GET", "/readyz").json()["missing"]


@pytest.mark.disturbs
def test_a_bridge_that_stops_says_so_at_once(stack):
    """It waits for the reply that is on its way."""
    slow = http.client.HTTPConnection("127.0.0.1", stack.ports["edge-http"], timeout=10)
    slow.request("POST", PATH, json.dumps(intent(demo={"delayMs": 1500})).encode(), {"Content-Type": "application/json"})
    time.sleep(0.3)
    stack.bridge.terminate()
    port = stack.admin["bridge"]
    wait_until(lambda: request(port, "GET", "/readyz").status == 503, 1, "the readiness", pause=0.005)
    assert any(text.startswith("draining") for text in request(port, "GET", "/readyz").json()["missing"])
    assert slow.getresponse().status == 201
    assert stack.bridge.wait(10) == 0


# What is counted only sometimes


def grew(port: int, before: dict[tuple, float], name: str, **labels: str) -> float:
    key = (name, *sorted(labels.items()))
    return series(scrape(port)).get(key, 0) - before.get(key, 0)


def test_keys_are_counted_by_what_became_of_them(stack):
    port, key = stack.admin["edge-http"], f"metrics-keys-{time.time()}"
    before = series(scrape(port))
    for user, status in (("1", 201), ("1", 201), ("2", 422)):
        assert stack.create(user, headers={"Idempotency-Key": key}).status == status
    for outcome in ("sent", "replayed", "other_body"):
        assert grew(port, before, "vy_gateway_idempotency_requests_total", outcome=outcome) == 1


def test_rates_are_counted(stack):
    with edge_http(stack, "http-rate-metrics", RATE_LIMIT_ADDRESS=1) as process:
        # Without Redis, to which it may still be connecting, requests pass.
        wait_until(lambda: value(process.admin, "vy_gateway_redis_up", connection="commands") == 1, 10, "Redis")
        assert [stack.create(port=process.port).status for _ in range(3)] == [201, 429, 429]
        assert value(process.admin, "vy_gateway_rate_limit_requests_total", outcome="passed") == 1
        assert value(process.admin, "vy_gateway_rate_limit_requests_total", outcome="refused") == 2
        assert value(process.admin, "vy_gateway_http_outcomes_total", outcome="limited") == 2


def test_looks_into_the_cache_are_counted(stack):
    with edge_http(stack, "http-cache-metrics", CACHE_TTL=60_000) as process:
        intent_id = stack.create(port=process.port).json()["id"]

        def get() -> str:
            return stack.post("/payment-intents/get", {"id": intent_id}, port=process.port).headers["cache-status"]

        before = series(scrape(process.admin))
        wait_until(lambda: "hit" in get(), 5, "a kept answer")
        assert grew(process.admin, before, "vy_gateway_cache_lookups_total", outcome="fresh") == 1
        assert grew(process.admin, before, "vy_gateway_cache_lookups_total", outcome="none") >= 1


def test_contacts_are_counted(stack):
    with active_campaign(stack) as server, telling(stack, server) as edge:
        pay(stack, edge, "metrics@x.example")
        server.wait(SYNC)
        wait_until(lambda: value(edge.admin, "vy_gateway_activecampaign_attempts_total", outcome="delivered") == 1, 10, "the count")
        wait_until(lambda: value(edge.admin, "vy_gateway_queue_items", queue="activecampaign") == 0, 10, "an empty queue")
        assert value(edge.admin, "vy_gateway_queue_items_limit", queue="activecampaign") == 100_000


def test_upgrades_updates_and_recoveries_are_counted(stack, listen):
    port, user = stack.admin["edge-ws-1"], f"metrics-{time.time()}"
    before = series(scrape(port))
    listener = listen(1, user=user, transport="upgrade")
    wait_until(lambda: grew(port, before, "socketio_upgrades_total") == 1, 10, "the upgrade")
    assert grew(port, before, "socketio_sessions_opened_total", transport="polling") == 1
    stack.kafka.produce("payment-status-update", json.dumps({"id": "pi", "userId": user}).encode(), key=user)
    listener.wait_for(1)
    assert grew(port, before, "vy_gateway_updates_emitted_total") == 1
    with Raw(stack.ports["edge-ws-1"], f"&userId={user}") as client:
        pid = client.join()[1]["pid"]
    with Raw(stack.ports["edge-ws-1"], f"&userId={user}") as client:
        assert client.join({"pid": pid})[1]["pid"] == pid
    assert grew(port, before, "vy_gateway_socket_recoveries_total", outcome="recovered") == 1
    assert grew(stack.admin["bridge"], {}, "vy_gateway_status_updates_total", outcome="written") >= 1


@pytest.mark.disturbs
def test_without_redis(stack):
    """What is refused for it is counted, and /metrics does not wait."""
    stack.redis.kill()
    port = stack.admin["edge-http"]
    before = series(scrape(port))
    wait_until(lambda: value(port, "vy_gateway_redis_up", connection="commands") == 0, 5, "the connection is gone")
    assert stack.create(headers={"Idempotency-Key": "metrics-away"}).status == 503
    assert grew(port, before, "vy_gateway_idempotency_requests_total", outcome="unavailable") == 1
    assert grew(port, before, "vy_gateway_redis_errors_total", code="not connected") >= 1
    assert healthz(stack.ports["edge-http"]).status == 200, "requests without a key go on"
    wait_until(lambda: healthz(stack.ports["edge-ws-1"]).status == 503, 5, "sockets get nothing")
    start = time.monotonic()
    for number in admin(stack).values():
        scrape(number)
    assert running(start) < 3


@pytest.mark.disturbs
def test_a_process_that_was_stopped_as_a_whole_lives(stack):
    """All its loops are late, and none of them hangs."""
    process = stack.ws[1]
    process.child.send_signal(signal.SIGSTOP)
    time.sleep(11)
    process.child.send_signal(signal.SIGCONT)
    for _ in range(20):
        assert request(stack.admin["edge-ws-2"], "GET", "/livez").json() == {"live": True, "stalled": []}
    lag = series(scrape(stack.admin["edge-ws-2"]))
    assert lag[("vy_gateway_executor_lag_seconds_bucket", ("executor", "event_loop"), ("le", "+Inf"))] > lag[
        ("vy_gateway_executor_lag_seconds_bucket", ("executor", "event_loop"), ("le", "10"))]


def test_what_waits_for_a_client_is_counted(stack):
    """A polling client that has joined and asks for nothing more."""
    port, user = stack.ports["edge-ws-2"], f"metrics-wait-{time.time()}"
    polling = f"/socket.io/?EIO=4&transport=polling&userId={user}"
    sid = json.loads(request(port, "GET", polling).body[1:])["sid"]
    before = value(stack.admin["edge-ws-2"], "socketio_buffered_bytes")
    assert request(port, "POST", f"{polling}&sid={sid}", b"40/finance-payments,").body == b"ok"
    stack.kafka.produce("payment-status-update", json.dumps({"id": "x" * 1000, "userId": user}).encode(), key=user)
    wait_until(lambda: value(stack.admin["edge-ws-2"], "socketio_buffered_bytes") > before + 1000, 10, "the update waits")
    while b"x" * 1000 not in request(port, "GET", f"{polling}&sid={sid}").body:
        pass
    wait_until(lambda: value(stack.admin["edge-ws-2"], "socketio_buffered_bytes") <= before, 10, "it has left")
    request(port, "POST", f"{polling}&sid={sid}", b"1")
