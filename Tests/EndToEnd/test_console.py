"""The console at edge-http's admin port, in a browser, beside the processes that it shows.

The picture in docs comes from here: CONSOLE_PNG=docs/images/console.png ./deploy/dev test --e2e -k the_console_shows
"""

import contextlib
import json
import math
import os
import random
import re
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness.browser import Browser
from harness.http import request
from harness.processes import wait_until
from harness.sio import Listener
from harness.stack import SERVICE, intent

CREATE, CONFIRM, GET = (f"{SERVICE}/payment-intents{end}" for end in ("", "/confirm", "/get"))
# Of the picture: traffic for as long as the plots go back.
PICTURE, PICTURE_SECONDS = os.environ.get("CONSOLE_PNG"), 310


class Page:
    """What the console shows."""

    def __init__(self, browser: Browser, base: str):
        self.browser, self.base = browser, base
        browser.size(1400, 1300)
        browser.open(f"{base}/")
        browser.wait_for("document.getElementById('main')?.hidden === false")

    def text(self, selector: str) -> str | None:
        return self.browser.evaluate(f"document.querySelector({json.dumps(selector)})?.textContent")

    def number(self, selector: str) -> int:
        return int((self.text(selector) or "0").replace(",", ""))

    def total(self, path: str) -> int:
        return self.number(f'[data-route="POST {path}"] [data-figure="total"]')

    def answered(self) -> int:
        return self.number('[data-metric="vy_gateway_http_outcomes_total"] [data-outcome="answered"] td.number')

    def socket_figure(self, instance: str, name: str) -> int:
        return self.number(f'#sockets [data-instance="{instance}"] [data-figure="{name}"]')

    def boxes(self) -> dict[str, str]:
        """States by kind and name."""
        return dict(self.browser.evaluate("[...document.querySelectorAll('.box')].map((box) => [`${box.dataset.kind} ${box.dataset.name}`.trim(), box.dataset.state])"))

    def box(self, name: str) -> str:
        return self.text(f'.box[data-name="{name}"]') or ""

    def errors(self) -> list[str]:
        return self.browser.evaluate("[...document.querySelectorAll('#errors tbody tr')].map((row) => row.innerText.replace(/\\s+/g, ' '))")

    def until(self, check, what: str, seconds: float = 20):
        return wait_until(check, seconds, lambda: f"{what}: {self.text('#state')} {self.boxes()} {self.browser.complaints}", pause=0.1)


@contextlib.contextmanager
def console(stack, tmp_path, name: str):
    """One more edge-http, which knows all the others, and its console in a browser."""
    peers = ",".join(f"http://127.0.0.1:{port}" for port in stack.admin.values())
    with stack.http_replica(name, CONSOLE_PEERS=peers), Browser(tmp_path / "browser") as browser:
        yield Page(browser, f"http://127.0.0.1:{stack.admin[name]}")


def traffic(stack, ports: list[int], seconds: float) -> list[threading.Thread]:
    """Payments, more and fewer of them, sockets that come and go, and now and then what goes wrong. Ends by itself."""
    stop, made = time.monotonic() + seconds, []

    def pay(number: int) -> None:
        dice = random.Random(number)
        while (now := time.monotonic()) < stop:
            port, user, delay = dice.choice(ports), f"user-{dice.randrange(40)}", int(dice.lognormvariate(1.8, 0.6))
            made.append(stack.create(user, demo={"delayMs": delay}, port=port).json()["id"])
            for share, path, body in (
                (0.5, "/payment-intents/confirm", {"id": made[-1], "metadata": {"demo": {"delayMs": 2 * delay}}}),
                (0.6, "/payment-intents/get", {"id": dice.choice(made)}), (0.02, "/payment-intents", {"amount": "x"}),
                (0.0004, "/e2e/missing", {}), (0.0004, "/e2e/silent", intent(user, {"reply": "silent"})),
            ):
                if dice.random() < share:
                    stack.post(path, body, port=port)
            time.sleep(dice.uniform(0.1, 0.3) / (1 + 0.6 * math.sin(now / 20)))

    def listen(number: int) -> None:
        dice = random.Random(number)
        while time.monotonic() < stop:
            with contextlib.closing(Listener(stack.ports[f"edge-ws-{1 + number % 2}"], user=f"user-{dice.randrange(40)}")):
                time.sleep(min(dice.uniform(5, 90), max(0, stop - time.monotonic())))

    workers = [threading.Thread(target=work, args=[number], daemon=True) for work, count in ((pay, 4), (listen, 24)) for number in range(count)]
    for worker in workers:
        worker.start()
    return workers


def cannot_be_read(stack, user: str) -> None:
    """Something in a user's channel of Redis that is no update: the edge-ws that has the user warns of it."""
    assert stack.redis_cli("publish", f"vy:user:{{{user}}}:updates", "no update") == "1"


@pytest.mark.long
@pytest.mark.disturbs
@pytest.mark.timeout(PICTURE_SECONDS + 180)
def test_the_console_shows_what_happens(stack, listen, tmp_path):
    with console(stack, tmp_path, "edge-http-2") as page:
        everyone = {"edge-http edge-http-1", "edge-http edge-http-2", "edge-ws edge-ws-1", "edge-ws edge-ws-2", f"bridge-kafka {stack.bridge.env['INSTANCE']}", "Kafka", "Redis"}
        page.until(lambda: page.boxes() == dict.fromkeys(everyone, "ready"), "all are ready")
        assert page.text("#state") == "All 5 processes are ready."
        assert "version 0.1.0 · up " in page.box("edge-ws-1") and f"127.0.0.1:{stack.admin['edge-ws-1']}" in page.box("edge-ws-1")
        assert "5 of 5 processes connected" in page.text('[data-kind="Redis"]')
        page.until(lambda: "1 of 1 brokers connected" in page.text('[data-kind="Kafka"]'), "the broker")

        # Payments, through both edge-http: each is counted once.
        before = {path: page.total(path) for path in (CREATE, CONFIRM)} | {"answered": page.answered()}
        ports = [stack.ports["edge-http"], stack.ports["edge-http-2"]]
        start = page.browser.evaluate("record.points.at(-1).time")
        with ThreadPoolExecutor(4) as pool:
            ids = [answer.json()["id"] for answer in pool.map(lambda number: stack.create(port=ports[number % 2]), range(40))]
            confirmed = [answer.status for answer in pool.map(lambda number: stack.confirm(ids[number], port=ports[number % 2]), range(9))]
        assert confirmed == [200] * 9
        page.until(lambda: page.total(CREATE) == before[CREATE] + 40 and page.total(CONFIRM) == before[CONFIRM] + 9, "the payments")
        assert page.answered() == before["answered"] + 49
        plotted = page.browser.evaluate(f"""record.traffic("POST {CREATE}").filter(({{ time }}) => time > {start})
            .reduce((sum, {{ time, rates }}, index, all) => sum + rates.ok * (time - (all[index - 1]?.time ?? {start})) / 1000, 0)""")
        assert abs(plotted - 40) < 1e-6, "the area under the plot is what was sent"
        shown = [page.text(f'[data-route="POST {CREATE}"] [data-figure="{name}"]') for name in ("p50", "p95", "p99")]
        assert all(re.fullmatch(r"[\d.]+ (ms|s)", text) for text in shown), shown
        assert page.browser.evaluate("document.querySelectorAll('#rate path.line, #latency path.line').length") >= 4

        # A socket and its room, and an update.
        sockets, updates = (page.socket_figure("edge-ws-1", name) for name in ("sockets", "updates"))
        listener = listen(1, user="console")
        page.until(lambda: page.socket_figure("edge-ws-1", "sockets") == sockets + 1, "the socket")
        assert page.socket_figure("edge-ws-1", "rooms") >= 1
        stack.kafka.produce("payment-status-update", json.dumps({"id": "pi", "userId": "console"}).encode(), key="console")
        listener.wait_for(1)
        page.until(lambda: page.socket_figure("edge-ws-1", "updates") == updates + 1, "the update")

        # What the bridge's own metrics say of its topics.
        page.until(lambda: page.text('[data-topic="payment-status-update"] [data-figure="lag"]') is not None, "Kafka's figures")
        lines = request(stack.admin["bridge"], "GET", "/metrics").body.decode().splitlines()
        read = [line for line in lines if line.startswith("vy_gateway_kafka_consumer_lag_records{") and 'topic="payment-status-update"' in line]
        assert page.number('[data-topic="payment-status-update"] [data-figure="partitions"]') == len(read) > 0

        cannot_be_read(stack, "console")
        page.until(lambda: any(re.search(r"warning edge-ws edge-ws-1 an update that cannot be read channel=vy:user:\{console\}:updates", line) for line in page.errors()), "the warning")

        workers = traffic(stack, ports, PICTURE_SECONDS if PICTURE else 4)
        time.sleep(PICTURE_SECONDS - 8 if PICTURE else 0)
        page.until(lambda: page.text("#state") == "All 5 processes are ready.", "all are ready")
        page.browser.size(1400, page.browser.evaluate("document.querySelector('main').getBoundingClientRect().bottom + 20 | 0"))
        # Plots are drawn for the new size.
        time.sleep(2.5)
        picture = page.browser.screenshot()
        Path(PICTURE or tmp_path / "console.png").write_bytes(picture)
        assert picture.startswith(b"\x89PNG") and struct.unpack(">I", picture[16:20]) == (1400,)
        for worker in workers:
            worker.join(60)

        # One that is killed, and comes back.
        stack.ws[1].kill()
        page.until(lambda: page.boxes()["edge-ws edge-ws-2"] == "unreachable", "the killed edge-ws")
        assert "Connection refused" in page.box("edge-ws-2")
        assert page.text("#state") == "edge-ws edge-ws-2 is unreachable." and page.boxes()["edge-ws edge-ws-1"] == "ready"
        stack.ws[1].start()
        page.until(lambda: page.text("#state") == "All 5 processes are ready.", "it is back")

        # Redis is away, which all of them say.
        if stack.own_redis:
            stack.redis.kill()
            page.until(lambda: page.boxes()["Redis"] == "unreachable" and page.boxes()["edge-ws edge-ws-1"] == "not-ready", "Redis is away")
            assert "redis: " in page.box("edge-ws-1")
            said = page.until(lambda: (rows := [line for line in page.errors() if "redis lost" in line]) and len({line.split()[3] for line in rows}) == 5 and rows, "five complain")
            clocks = [line.split()[0] for line in page.errors()]
            assert clocks == sorted(clocks, reverse=True), said
            stack.repair()
            page.until(lambda: page.boxes() == dict.fromkeys(everyone, "ready"), "all are ready again")

        assert {url for url in page.browser.requests if url != "about:blank"} <= {f"{page.base}/", f"{page.base}/console", f"{page.base}/console/data", "data:,"}
        assert page.browser.complaints == []


def test_a_console_that_has_lost_its_process_says_so(stack, tmp_path):
    with Browser(tmp_path / "browser") as browser:
        with stack.http_replica("edge-http-gone"):
            page = Page(browser, f"http://127.0.0.1:{stack.admin['edge-http-gone']}")
            browser.evaluate("document.getElementById('pause').click()")
            # What was under way ends.
            time.sleep(1)
            seen = browser.evaluate("record.points.length")
            time.sleep(2.5)
            assert browser.evaluate("record.points.length") == seen, "it is paused"
            browser.evaluate("document.getElementById('pause').click()")
            page.until(lambda: browser.evaluate("record.points.length") > seen, "it goes on")
        page.until(lambda: "This edge-http does not answer" in page.text("#state") and browser.evaluate("document.body.classList.contains('old')"), "it says so")


def test_nothing_but_the_page_and_its_data(stack, tmp_path):
    port = stack.admin["edge-http"]
    root, page = request(port, "GET", "/"), request(port, "GET", "/console")
    assert (root.status, root.headers["location"]) == (302, "console")
    policy = page.headers["content-security-policy"]
    assert page.status == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert (page.headers["cache-control"], page.headers["x-content-type-options"]) == ("no-store", "nosniff")
    head = request(port, "HEAD", "/console")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(page.body)))
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert request(port, method, "/console/data").status == 405
    for name in ("edge-ws-1", "bridge"):
        assert request(stack.admin[name], "GET", "/console").status == 404


@pytest.mark.parametrize("path", ["/console/data", "/console", "/metrics", "/errors", "/report", "/"])
def test_a_page_of_another_site_cannot_pass_for_this_one(stack, path):
    """DNS rebinding: the name resolves to this host, and the browser sends it."""
    port = stack.admin["edge-http"]
    for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example"):
        assert request(port, "GET", path, headers={"Host": host}).status == 421
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert request(port, "GET", path, headers={"Host": host}).status in (200, 302)


def test_who_looks_together_costs_one_round(stack):
    """Peers see one request for it, however many look."""
    with stack.http_replica("edge-http-many", CONSOLE_PEERS=f"http://127.0.0.1:{stack.admin['edge-http']}"):
        port = stack.admin["edge-http-many"]
        with ThreadPoolExecutor(16) as pool:
            times = {request_time(answer) for answer in pool.map(lambda _: request(port, "GET", "/console/data"), range(16))}
        assert len(times) <= 2, times
        time.sleep(1.1)
        assert request_time(request(port, "GET", "/console/data")) > max(times)


def request_time(answer) -> int:
    assert answer.status == 200, answer
    return answer.json()["time"]


def test_names_and_processes_that_are_found_twice(stack):
    """`localhost` has one address or two, of which one is listened at."""
    own, bridge = stack.admin["edge-http"], stack.admin["bridge"]
    peers = f"http://localhost:{bridge},http://127.0.0.1:{bridge},http://localhost:{own},http://no-such-name.invalid:1"
    with stack.http_replica("edge-http-names", CONSOLE_PEERS=peers):
        data = request(stack.admin["edge-http-names"], "GET", "/console/data").json()
        found = [(peer["report"]["process"], peer["report"]["instance"]) for peer in data["peers"] if "report" in peer]
        assert sorted(found) == [("bridge-kafka", stack.bridge.env["INSTANCE"]), ("edge-http", "edge-http-1"), ("edge-http", "edge-http-names")]
        assert any(peer.get("peer") == "no-such-name.invalid:1" and "address" not in peer and peer["failure"] for peer in data["peers"])


def test_the_page_reads_metrics_as_prometheus_does(stack, tmp_path):
    with console(stack, tmp_path, "edge-http-reads") as page:
        text = r'''# HELP a b
a{x="1\"\\\n",y="}"} 2
a{x="2",y=""} +Inf
b 1e3'''
        read = page.browser.evaluate(f"[...parseMetrics({json.dumps(text)})].map(([name, list]) => [name, list.map(({{ labels, value }}) => [{{ ...labels }}, String(value)])])")
        assert read == [["a", [[{"x": '1"\\\n', "y": "}"}, "2"], [{"x": "2", "y": ""}, "Infinity"]]], ["b", [[{}, "1000"]]]]
        # As histogram_quantile interpolates: 10 within 0.1 s, 10 more within 1 s, 1 above.
        buckets = 'new Map([["+Inf", 21], ["0.1", 10], ["1", 20]])'
        assert page.browser.evaluate(f"quantile(0.5, {buckets})") == pytest.approx(0.1 + 0.9 * 0.05)
        assert page.browser.evaluate(f"quantile(0.25, {buckets})") == pytest.approx(0.0525)
        assert page.browser.evaluate(f"quantile(0.99, {buckets})") == 1
        assert page.browser.evaluate("quantile(0.5, new Map([['1', 0], ['+Inf', 0]]))") is None
        # A process that was started again has not grown by what it had before, nor shrunk.
        grown = """(() => { const one = new Record(); const at = (run, count) => [{ run, process: "edge-http", instance: "i",
            metrics: parseMetrics(`http_server_request_duration_seconds_count{method="GET",route="/",status="200"} ${count}`) }];
            one.add(1000, at("a", 10)); one.add(3000, at("a", 30)); one.add(5000, at("b", 4)); one.add(7000, at("b", 6)); one.add(9000, []); one.add(13000, at("b", 18));
            return one.traffic("GET /").map(({ rates }) => rates.ok); })()"""
        assert page.browser.evaluate(grown) == [10, 1, 2]
        markup = page.browser.evaluate("""boxView({ kind: "<img src=x onerror=alert(1)>", name: "<b>", state: "ready", sentences: ["<i>"], facts: ["<u>"] }).outerHTML""")
        assert not re.search("<(img|b|i|u)[ >]", markup) and "&lt;i&gt;" in markup
        assert page.browser.complaints == []
