"""Brokers behind TLS, clusters that do not let the bridge read, and settings of Kafka that are wrong."""

import subprocess
import time

import pytest
from harness import bridges, mock_cluster
from harness.http import request
from harness.processes import wait_until
from harness.rest import edge_http
from harness.stack import binary, intent
from harness.kafka_tls import certificates, tls_broker


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return certificates(tmp_path_factory.mktemp("certificates"))


def bridge(stack, port: int, **env):
    return bridges.bridge(stack, "tls", **{"KAFKA_BROKER": f"127.0.0.1:{port}", "KAFKA_SECURITY_PROTOCOL": "ssl", **env})


def broker_port(stack) -> int:
    return stack.kafka_port if stack.own_broker else pytest.skip("needs a broker of its own")


def missing(process) -> list[str]:
    return request(process.admin, "GET", "/readyz", timeout=3).json()["missing"]


def test_requests_go_through_tls_with_a_certificate_of_the_bridges_own(stack, folder):
    with tls_broker(folder, broker_port(stack), wants_client=True) as broker:
        own = {"KAFKA_SSL_CA": folder / "ca.pem", "KAFKA_SSL_CERT": folder / "client.pem", "KAFKA_SSL_KEY": folder / "client.key"}
        with bridge(stack, broker.port, **own) as process:
            wait_until(lambda: missing(process) == [], 40, lambda: f"ready: {missing(process)}\n{process.tail()}")
            with edge_http(stack, "http-tls-kafka", BRIDGE_SOCKET=stack.folder / "tls.sock") as edge:
                for _ in range(5):
                    assert stack.post("/payment-intents", intent(), port=edge.port).status == 201
        assert broker.client_names == {"client"}


@pytest.mark.parametrize("env, words", [
    ({}, "certificate verify failed"),
    ({"KAFKA_SECURITY_PROTOCOL": "plaintext"}, "kafka"),
])
def test_a_broker_that_is_not_reached_so_is_told(stack, folder, env, words):
    with tls_broker(folder, broker_port(stack)) as broker, bridge(stack, broker.port, **env) as process:
        wait_until(lambda: any(words in line for line in missing(process)), 20, lambda: f"{missing(process)}\n{process.tail()}")
        assert process.running, "it goes on trying"


def test_what_the_bridge_may_not_read_is_told_until_it_may(stack):
    folder = stack.folder / "mock"
    mock = mock_cluster.process(folder, {"ours": 1, "theirs": 1, "vy-gateway.reply": 1, "vy-gateway.dead-letter": 1}).start()
    try:
        broker = mock_cluster.bootstrap(folder)
        join_group, topic_refused, group_refused = 11, 29, 30
        mock_cluster.tell(folder, "refuse", "theirs", topic_refused)
        mock_cluster.tell(folder, "errors", join_group, group_refused, group_refused)
        refused = "Subscribed topic not available: theirs: Broker: Topic authorization failed"
        settings = {"KAFKA_BROKER": broker, "KAFKA_STATUS_TOPICS": '["ours", "theirs"]', **mock_cluster.SETTINGS}
        with bridges.bridge(stack, "refused", **settings) as process:
            for expected in (f"JoinGroup failed: Broker: Group authorization failed; {refused}", refused):
                wait_until(lambda: missing(process) == [f"status topics: {expected}"], 40, lambda: f"{missing(process)}\n{process.tail()}")
            process.wait_log("status partitions assigned")
            time.sleep(1)
            assert missing(process) == [f"status topics: {refused}"]
            mock_cluster.tell(folder, "refuse", "theirs", 0)
            wait_until(lambda: missing(process) == [], 40, lambda: f"{missing(process)}\n{process.tail()}")
    finally:
        mock.stop()


@pytest.mark.parametrize("env, words", [
    ({"KAFKA_SECURITY_PROTOCOL": "ssl", "KAFKA_SSL_CA": "/nonexistent"}, "ssl.ca.location failed"),
    ({"KAFKA_SECURITY_PROTOCOL": "sasl_ssl", "KAFKA_SASL_USERNAME": "u"}, "PLAIN needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"),
    ({"KAFKA_SECURITY_PROTOCOL": "tls"}, "'tls' is none of plaintext, ssl, sasl_plaintext, sasl_ssl"),
    ({"KAFKA_PROPERTY_NO_SUCH": "1"}, 'No such configuration property: "no.such"'),
    ({"KAFKA_PROPERTY_LINGER_MS": "soon"}, "linger.ms: Invalid value"),
    ({"KAFKA_PROPERTY_ENABLE_IDEMPOTENCE": "false"}, "enable.idempotence is the bridge's own; it stays true"),
])
def test_wrong_settings_are_told_at_the_start(env, words):
    run = subprocess.run([binary("bridge-kafka")], env=env, capture_output=True, text=True, timeout=20)
    assert run.returncode == 64 and words in run.stderr, run


def test_secrets_are_not_shown():
    env = {"KAFKA_SECURITY_PROTOCOL": "sasl_plaintext", "KAFKA_SASL_USERNAME": "u", "KAFKA_SASL_PASSWORD": "hush",
           "KAFKA_PROPERTY_SSL_KEYSTORE_PASSWORD": "hush", "KAFKA_PROPERTY_LINGER_MS": "1"}
    run = subprocess.run([binary("bridge-kafka"), "--print-config"], env=env, capture_output=True, text=True, timeout=20)
    assert run.returncode == 0 and "hush" not in run.stdout + run.stderr
    assert "KAFKA_SASL_PASSWORD=***" in run.stdout and "KAFKA_PROPERTY_LINGER_MS=1" in run.stdout
