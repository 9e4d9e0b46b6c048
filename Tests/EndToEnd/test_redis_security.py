"""Redis behind TLS and a password, and settings of it that are wrong."""

import contextlib
import os
import subprocess

import pytest
from harness.kafka_tls import certificates
from harness.processes import Process, free_port, wait_until
from harness.redis_security import PASSWORD, SecureRedisStack, tls_redis
from harness.sio import Listener
from harness.stack import binary
from harness.tls import certificate

PROCESSES = ("edge-http", "edge-ws", "bridge-kafka")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return certificates(tmp_path_factory.mktemp("redis-certificates"))


@pytest.fixture(scope="module")
def secure(folder):
    if "REDIS_HOST" in os.environ:
        pytest.skip("needs a redis-server of its own")
    with SecureRedisStack(folder).running() as stack:
        stack.redis_cli("acl", "log", "reset")
        yield stack


def test_a_payment_goes_through_a_redis_that_knows_the_gateway(secure):
    with Listener(secure.port, user="tls") as listener:
        made = secure.create("tls", headers={"Idempotency-Key": '"redis-tls"'})
        assert made.status == 201
        again = secure.create("tls", headers={"Idempotency-Key": '"redis-tls"'})
        assert again.body == made.body
        assert secure.confirm(made.json()["id"]).status == 200
        assert [update["status"] for update in listener.wait_for(2)][:2] == ["processing", "succeeded"]
    for process in secure.own:
        assert PASSWORD not in process.log_text()
    assert secure.redis_cli("acl", "log") == "", "it may do what it does"


def test_all_connections_are_the_gateways_user(secure):
    lines = [line for line in secure.redis_cli("client", "list").splitlines() if "cmd=client|list" not in line]
    assert lines and all(" user=vy-gateway " in line for line in lines), lines


@pytest.mark.parametrize("env,words", [
    ({"REDIS_PASSWORD_FILE": "", "REDIS_PASSWORD": "wrong"}, "WRONGPASS"),
    ({"REDIS_PASSWORD_FILE": "", "REDIS_USERNAME": ""}, "NOAUTH"),
    ({"REDIS_TLS_CA": ""}, "redis: TLS: CERTIFICATE_VERIFY_FAILED"),
    ({"REDIS_TLS_CERT": "", "REDIS_TLS_KEY": ""}, "CERTIFICATE_REQUIRED"),
    ({"REDIS_TLS": "off", "REDIS_TLS_CA": "", "REDIS_TLS_CERT": "", "REDIS_TLS_KEY": ""}, "redis: "),
])
def test_a_redis_that_is_not_reached_so_is_told(secure, env, words):
    with not_ready(secure, words, **env):
        pass


@contextlib.contextmanager
def not_ready(secure, words: str, **env):
    """An edge-ws with other settings, which says `words` in its /readyz and goes on trying."""
    edge = Process("edge-ws-other", secure.ws[0].command, secure.folder / "edge-ws-other", {**secure.ws[0].env, "WS_PORT": 0, "WS_ADMIN_PORT": 0, **env})
    try:
        edge.start()
        secure.wait_started(edge)
        wait_until(lambda: words in " ".join(secure.readiness(edge)[1]), 10, lambda: f"{secure.readiness(edge)}\n{edge.tail()}")
        assert edge.running
        yield edge
    finally:
        edge.stop()


@pytest.mark.parametrize("host,names", [("localhost", "DNS:other.example,IP:127.0.0.2"), ("127.0.0.1", "DNS:localhost,IP:127.0.0.2")])
def test_a_certificate_of_another_name_is_refused(secure, folder, host, names):
    certificate(folder, "other", issuer="ca", names=names)
    port = free_port()
    redis = Process("redis-other", tls_redis(folder, "other", port), secure.folder / "redis-other").start()
    try:
        with not_ready(secure, f"redis: TLS: the certificate does not name {host}", REDIS_HOST=host, REDIS_PORT=port) as edge:
            certificate(folder, "other", issuer="ca")
            redis.stop()
            redis.start()
            # Its user is not known there; the certificate is right now.
            wait_until(lambda: "WRONGPASS" in " ".join(secure.readiness(edge)[1]), 10, edge.tail)
    finally:
        redis.stop()


def test_a_redis_that_is_killed_is_not_a_fault_of_tls(secure):
    edge = secure.ws[0]
    secure.redis.kill()
    wait_until(lambda: edge.log_text().count("redis lost") >= 1, 10, edge.tail)
    reasons = {entry["reason"] for entry in edge.log_entries() if entry["message"] == "redis lost"}
    secure.repair()
    assert not [reason for reason in reasons if "TLS" in reason], reasons


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("env,words", [
    ({"REDIS_USERNAME": "u"}, "REDIS_USERNAME: there is no REDIS_PASSWORD"),
    ({"REDIS_PASSWORD_FILE": "/dev/null"}, "REDIS_PASSWORD: it is empty"),
    ({"REDIS_PASSWORD_FILE": "/nonexistent"}, "REDIS_PASSWORD_FILE: cannot read /nonexistent"),
    ({"REDIS_TLS": "yes"}, "'yes' is none of on, off"),
    ({"REDIS_TLS_CA": "/some.pem"}, "REDIS_TLS_…: REDIS_TLS is off"),
    ({"REDIS_TLS": "on", "REDIS_TLS_CERT": "/some.pem"}, "REDIS_TLS_CERT and REDIS_TLS_KEY: set both or neither"),
    ({"REDIS_TLS": "on", "REDIS_TLS_CA": "/nonexistent"}, "cannot read /nonexistent"),
])
def test_wrong_settings_are_told_at_the_start(process, env, words):
    run = subprocess.run([binary(process), "--check-config"], env=env, capture_output=True, text=True, timeout=20)
    assert run.returncode == 64 and words in run.stderr, run


def test_files_that_do_not_fit(folder, tmp_path):
    def check(**env) -> str:
        run = subprocess.run([binary("edge-ws"), "--check-config"], env={"REDIS_TLS": "on", **env}, capture_output=True, text=True, timeout=20)
        assert run.returncode == 64, run
        return run.stderr

    empty = tmp_path / "empty.pem"
    empty.write_text("")
    assert f"{empty} holds no certificate in PEM" in check(REDIS_TLS_CA=str(empty))
    assert "the key does not belong to the certificate" in check(
        REDIS_TLS_CERT=str(folder / "client.pem"), REDIS_TLS_KEY=str(folder / "server.key"))
    assert "holds no private key in PEM" in check(REDIS_TLS_CERT=str(folder / "client.pem"), REDIS_TLS_KEY=str(folder / "client.pem"))


def test_the_password_is_not_shown():
    run = subprocess.run([binary("edge-ws"), "--print-config"], env={"REDIS_PASSWORD": "hush"}, capture_output=True, text=True, timeout=20)
    assert run.returncode == 0 and "hush" not in run.stdout + run.stderr and "REDIS_PASSWORD=***" in run.stdout
