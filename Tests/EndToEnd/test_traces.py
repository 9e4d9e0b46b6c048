"""The trace of a payment: from the client's request through Kafka, the reply, the status updates and Redis to the socket's event."""

import asyncio
import json
import secrets

import pytest
from harness.collector import Collector
from harness.http import request
from harness.processes import wait_until
from harness.recovering import RecoveringClient
from harness.sio import EVENT, NAMESPACE, Listener
from harness.stack import SERVICE, Stack, intent

CREATE, CONFIRM = "vy-finance-payments.payment-intents.create", "vy-finance-payments.payment-intents.confirm"
REPLIES = "vy-gateway.reply"
#: Each span of a confirmed payment with two status updates.
CONFIRMATION = sorted([
    ("edge-http", "server", f"POST {SERVICE}/payment-intents/confirm"),
    ("bridge-kafka", "producer", f"send {CONFIRM}"),
    ("bridge-kafka", "consumer", f"process {REPLIES}"),
    *[("bridge-kafka", "consumer", f"process {EVENT}"), ("edge-ws", "producer", f"send {EVENT}")] * 2,
])


class TracedListener(Listener):
    """Keeps what is told of each update's trace, too."""

    def __init__(self, *args, **options):
        self.contexts: list[dict] = []
        super().__init__(*args, **options)

    def _update(self, update, *further) -> None:
        self.contexts += [argument for argument in further if isinstance(argument, dict)]
        super()._update(update)


@pytest.fixture(scope="module")
def collector():
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(collector):
    stack = Stack("traced", replicas=2)
    for process in stack.own:
        process.env.update(
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_EXPORTER_OTLP_HEADERS="x-test-key=a%20secret", OTEL_BSP_SCHEDULE_DELAY=100)
    # Only the first says so to its clients.
    stack.ws[0].env["WS_TRACE_CONTEXT"] = "on"
    with stack.running():
        yield stack


def new_trace() -> tuple[str, str, str]:
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    return trace, span, f"00-{trace}-{span}-01"


def tree(spans: list, root: str | None) -> None:
    """Every span is under the root, through parents that began before it."""
    by_id = {span.id: span for span in spans}
    assert len(by_id) == len(spans)
    roots = [span for span in spans if span.parent == root]
    assert len(roots) == 1, [span.what for span in roots]
    for span in spans:
        above, steps = span, 0
        while above is not roots[0]:
            assert above.parent in by_id and steps < len(spans), f"{span.what} is under no span of this trace"
            assert by_id[above.parent].start <= above.start
            above, steps = by_id[above.parent], steps + 1
        assert span.start <= span.end


def paid(stack: Stack, user: str, headers: dict) -> dict:
    created = stack.create(user)
    assert created.status == 201, created
    answer = stack.post("/payment-intents/confirm", {"id": created.json()["id"]}, headers=headers)
    assert answer.status == 200, answer
    return created.json()


def test_one_payment_is_one_tree_from_the_post_to_the_browser(traced, collector):
    trace, client_span, parent = new_trace()
    with TracedListener(traced.ports["edge-ws-1"], user="tree") as listener:
        payment = paid(traced, "tree", {"traceparent": parent, "tracestate": "vendor=1", "X-Request-Id": "tree-1"})
        assert listener.wait_status(payment["id"], "succeeded") == ["processing", "succeeded"]
        spans = collector.trace(trace, len(CONFIRMATION))
        assert sorted(span.what for span in spans) == CONFIRMATION
        tree(spans, client_span)
        # What the browser was told is the span that sent it.
        sent = {span.id for span in spans if span.service == "edge-ws"}
        assert {context["traceparent"] for context in listener.contexts} == {f"00-{trace}-{span}-01" for span in sent}
    server = next(span for span in spans if span.kind == "server")
    assert server.attributes["http.request.method"] == "POST"
    assert server.attributes["http.route"] == server.attributes["url.path"] == f"{SERVICE}/payment-intents/confirm"
    assert server.attributes["http.response.status_code"] == 200
    assert server.attributes["vy.request_id"] == "tree-1"
    send = next(span for span in spans if span.name == f"send {CONFIRM}")
    assert send.parent == server.id
    assert send.attributes["messaging.system"] == "kafka" and send.attributes["messaging.destination.name"] == CONFIRM
    assert send.attributes["messaging.kafka.offset"] >= 0
    updates = [span for span in spans if span.name == f"process {EVENT}"]
    assert [span.attributes["vy.status_update"] for span in updates] == ["done", "done"]
    assert not any(span.failed for span in spans)


def test_the_request_is_found_in_the_log_by_its_id_and_its_trace(traced, collector):
    trace, _, parent = new_trace()
    answer = traced.post("/payment-intents", intent("log"), headers={"traceparent": parent, "X-Request-Id": "log-1"})
    assert answer.status == 201
    server, = [span for span in collector.trace(trace, 3) if span.kind == "server"]

    def line() -> dict | None:
        lines = [json.loads(text) for text in traced.http.log.read_text().splitlines() if '"log-1"' in text]
        return next((line for line in lines if line["message"] == "request"), None)

    found = wait_until(line, 5, "the line of the request")
    assert (found["traceId"], found["spanId"], found["requestId"]) == (trace, server.id, "log-1")
    assert (found["level"], found["method"], found["route"], found["status"]) == ("info", "POST", f"{SERVICE}/payment-intents", 201)
    assert 0 < found["durationMs"] < 10_000


def test_a_request_without_a_trace_begins_one(traced, collector):
    answer = traced.post("/payment-intents", intent("begins"), headers={"X-Request-Id": "begins-1"})
    assert answer.status == 201
    wait_until(lambda: any(span.attributes.get("vy.request_id") == "begins-1" for span in list(collector.spans)), 10, "its span")
    server = next(span for span in collector.spans if span.attributes.get("vy.request_id") == "begins-1")
    spans = collector.trace(server.trace, 3)
    assert sorted(span.what for span in spans) == sorted([
        ("edge-http", "server", f"POST {SERVICE}/payment-intents"), ("bridge-kafka", "producer", f"send {CREATE}"),
        ("bridge-kafka", "consumer", f"process {REPLIES}")])
    tree(spans, None)


def test_the_service_gets_the_spans_of_the_bridge(traced, collector):
    trace, _, parent = new_trace()
    answer = traced.post("/payment-intents", intent("wire"), headers={"traceparent": parent, "tracestate": "vendor=1", "X-Request-Id": "wire-2"})
    assert answer.status == 201
    send = next(span for span in collector.trace(trace, 3) if span.kind == "producer")
    record, = [record for record in traced.kafka.records(CREATE) if record["headers"].get("x-request-id") == "wire-2"]
    assert record["headers"]["traceparent"] == f"00-{trace}-{send.id}-01"
    assert record["headers"]["tracestate"] == "vendor=1"


def test_what_the_client_does_not_record_is_passed_on_and_not_recorded(traced, collector):
    trace, span, _ = new_trace()
    with TracedListener(traced.ports["edge-ws-1"], user="unsampled") as listener:
        payment = paid(traced, "unsampled", {"traceparent": f"00-{trace}-{span}-00"})
        listener.wait_status(payment["id"], "succeeded")
        assert len(listener.contexts) == 2
        assert all(context["traceparent"].startswith(f"00-{trace}-") and context["traceparent"].endswith("-00") for context in listener.contexts)
    # Later spans have come, and none of this trace.
    _, _, later = new_trace()
    traced.post("/payment-intents", intent("later"), headers={"traceparent": later})
    collector.trace(later.split("-")[1], 3)
    assert not [one for one in collector.spans if one.trace == trace]


@pytest.mark.parametrize("header", ["00-" + "0" * 32 + "-b7ad6b7169203331-01", "garbage", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"])
def test_a_wrong_traceparent_begins_a_new_trace(traced, collector, header):
    name = f"wrong-{secrets.token_hex(4)}"
    assert traced.post("/payment-intents", intent("wrong"), headers={"traceparent": header, "X-Request-Id": name}).status == 201
    wait_until(lambda: any(span.attributes.get("vy.request_id") == name for span in list(collector.spans)), 10, "its span")
    server = next(span for span in collector.spans if span.attributes.get("vy.request_id") == name)
    assert server.parent is None and server.trace != "0" * 32


def test_failures_are_marked(traced, collector):
    trace, _, parent = new_trace()
    answer = traced.post("/e2e/silent", {**intent("x"), "metadata": {"demo": {"reply": "silent"}}}, headers={"traceparent": parent})
    assert answer.status == 504
    server = next(span for span in collector.trace(trace, 2) if span.kind == "server")
    assert server.failed and server.attributes["error.type"] == server.attributes["vy.problem"] == "deadline"
    trace, _, parent = new_trace()
    assert traced.post("/payment-intents", b"{", headers={"traceparent": parent}).status == 400
    server, = collector.trace(trace, 1)
    assert not server.failed and server.attributes["vy.problem"] == "malformed-json"
    trace, _, parent = new_trace()
    assert traced.post("/e2e/missing", {}, headers={"traceparent": parent}).status == 503
    server = next(span for span in collector.trace(trace, 1) if span.kind == "server")
    assert server.failed and server.attributes["error.type"] == "topic-missing"


def test_a_missed_update_is_sent_with_its_trace_when_the_client_comes_back(traced, collector):
    trace, client_span, parent = new_trace()

    async def scenario() -> list:
        client = RecoveringClient(user="missed")
        try:
            await client.connect(traced.ports["edge-ws-1"])
            await client.drop()
            await asyncio.to_thread(paid, traced, "missed", {"traceparent": parent})
            # Nobody is there: the updates end in the history.
            spans = await asyncio.to_thread(collector.trace, trace, len(CONFIRMATION) - 2)
            assert not [span for span in spans if span.service == "edge-ws"]
            await client.connect(traced.ports["edge-ws-1"])
            assert client.recovered
            await client.until(lambda: len(client.events) >= 2, 5)
            return client.events
        finally:
            await client.close()

    events = asyncio.run(scenario())
    spans = collector.trace(trace, len(CONFIRMATION))
    assert sorted(span.what for span in spans) == CONFIRMATION
    tree(spans, client_span)
    sent = [span for span in spans if span.service == "edge-ws"]
    assert all(span.attributes["vy.recovered"] for span in sent)
    # The offset stays the last argument, where clients look for it.
    assert [len(event) for event in events] == [4, 4] and all(isinstance(event[3], str) for event in events)
    assert {event[2]["traceparent"] for event in events} == {f"00-{trace}-{span.id}-01" for span in sent}


def test_clients_of_a_replica_that_does_not_offer_it_are_told_nothing(traced, collector):
    trace, _, parent = new_trace()
    with TracedListener(traced.ports["edge-ws-2"], user="silent") as listener:
        payment = paid(traced, "silent", {"traceparent": parent})
        assert listener.wait_status(payment["id"], "succeeded") == ["processing", "succeeded"]
        assert listener.contexts == []
    assert sorted(span.what for span in collector.trace(trace, len(CONFIRMATION))) == CONFIRMATION


def test_a_request_over_a_socket_is_traced(traced, collector):
    with TracedListener(traced.ports["edge-ws-1"], user="socket") as listener:
        def call() -> dict:
            return listener.client.call("payment-intents.create", intent("socket"), namespace=NAMESPACE, timeout=10)

        wait_until(lambda: call()["status"] == 201, 10, "the bridge")
    wait_until(lambda: any(span.service == "edge-ws" and span.kind == "server" and not span.failed for span in list(collector.spans)), 10, "its span")
    server = [span for span in collector.spans if span.service == "edge-ws" and span.kind == "server" and not span.failed][-1]
    assert server.name == "payment-intents.create" and server.attributes["vy.status"] == 201
    spans = collector.trace(server.trace, 3)
    assert sorted(span.what for span in spans) == sorted([
        ("edge-ws", "server", "payment-intents.create"), ("bridge-kafka", "producer", f"send {CREATE}"),
        ("bridge-kafka", "consumer", f"process {REPLIES}")])
    tree(spans, None)


def test_the_collector_gets_the_key_and_what_the_process_is(traced, collector):
    traced.post("/payment-intents", intent("key"))
    wait_until(lambda: {span.service for span in list(collector.spans)} >= {"edge-http", "bridge-kafka"}, 10, "both processes")
    assert all(headers["x-test-key"] == "a secret" and headers["content-type"] == "application/json" for headers in collector.headers)
    edge = next(span.resource for span in collector.spans if span.service == "edge-http")
    assert edge["service.namespace"] == "vy-gateway" and edge["service.instance.id"] == "edge-http-1" and edge["service.version"]


def test_developments_collector_shows_a_request_as_a_tree(traced, collector):
    trace, _, parent = new_trace()
    assert traced.post("/payment-intents", intent("shown"), headers={"traceparent": parent, "X-Request-Id": "shown-1"}).status == 201
    collector.trace(trace, 3)
    port = int(collector.url.rsplit(":", 1)[1])
    shown = request(port, "GET", "/requests/shown-1").body.decode().splitlines()
    assert shown[0].startswith(f"trace {trace}  ") and shown[0].endswith("  3 spans")
    assert [line[27:].split("  http.")[0] for line in shown[1:]] == [
        f"edge-http: POST {SERVICE}/payment-intents", f"  bridge-kafka: send {CREATE}", f"    bridge-kafka: process {REPLIES}"]
    assert request(port, "GET", f"/traces/{trace}").body.decode().splitlines() == shown
    assert shown[0] in request(port, "GET", "/").body.decode()
    assert request(port, "GET", "/requests/none").status == 404
    assert request(port, "POST", "/v1/traces", b"{}", {"Content-Type": "application/json"}).status == 400


def exported(stack: Stack, name: str) -> dict[str, float]:
    text = request(stack.admin[name], "GET", "/metrics").body.decode()
    lines = [line.split() for line in text.splitlines() if line.startswith("vy_gateway_trace_spans_total{")]
    return {line[0].split('"')[1]: float(line[1]) for line in lines}


def test_a_collector_that_is_away_harms_nobody_and_gets_the_spans_later(traced, collector):
    before = exported(traced, "edge-http")
    collector.planned = [503] * 2
    trace, _, parent = new_trace()
    assert traced.post("/payment-intents", intent("away"), headers={"traceparent": parent}).status == 201
    spans = collector.trace(trace, 3)
    assert len(spans) == 3
    wait_until(lambda: exported(traced, "edge-http")["exported"] > before["exported"], 10, "the spans are counted")
    collector.planned = [400]
    rejected = exported(traced, "edge-http")["rejected"] + exported(traced, "bridge")["rejected"]
    assert traced.post("/payment-intents", intent("refused")).status == 201
    wait_until(lambda: exported(traced, "edge-http")["rejected"] + exported(traced, "bridge")["rejected"] > rejected, 10, "the refusal is counted")


@pytest.mark.disturbs
def test_the_last_spans_leave_before_the_process(traced, collector):
    trace, _, parent = new_trace()
    traced.http.env["OTEL_BSP_SCHEDULE_DELAY"] = 60_000
    traced.http.stop()
    traced.http.start()
    traced.wait_started(traced.http)
    traced.wait_ready(traced.http)
    assert traced.post("/payment-intents", intent("last"), headers={"traceparent": parent}, port=traced.ports["edge-http"]).status == 201
    collector.trace(trace, 2)
    assert not [span for span in collector.trace(trace, 2) if span.service == "edge-http"]
    traced.http.terminate()
    assert traced.http.wait(10) == 0
    assert [span for span in collector.trace(trace, 3) if span.service == "edge-http"]
