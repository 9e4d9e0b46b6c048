"""Who a socket belongs to when tokens are checked."""

import base64
import json
import subprocess
import time

import pytest

from harness.clock import running
from harness.extra import SECRET, Client, Raw, edge_ws, token
from harness.processes import wait_until
from harness.sio import EVENT, NAMESPACE
from harness.stack import binary


@pytest.fixture(scope="module")
def edge(whole_stack):
    with edge_ws(whole_stack, "ws-auth", AUTH_JWT_SECRET=SECRET, AUTH_JWT_LEEWAY=0, AUTH_JWT_ISSUER="id", AUTH_JWT_AUDIENCE="vy") as process:
        yield process


def pay(stack, user: str) -> str:
    """Brings updates of the user; the intent's id."""
    made = stack.create(user).json()["id"]
    assert stack.confirm(made).status == 200
    return made


def good(**claims) -> str:
    return token({"iss": "id", "aud": ["x", "vy"]}, **claims)


@pytest.mark.parametrize("place", ["auth", "query", "header"])
def test_a_token_names_the_user_and_brings_the_updates(stack, edge, place):
    given = {
        "auth": {"auth": {"token": good()}}, "query": {"query": f"?token={good()}"},
        "header": {"headers": {"Authorization": f"Bearer {good()}"}},
    }[place]
    with Client(edge.port, **given) as client:
        updates = []
        client.client.on(EVENT, lambda update, *_: updates.append(update), namespace=NAMESPACE)
        assert client.connected, client.error
        made = pay(stack, "123")
        wait_until(lambda: [u for u in updates if u["id"] == made], 10, "an update of the token's user")


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_both_transports_check_tokens(edge, transport):
    with Client(edge.port, auth={"token": good()}, transport=transport) as client:
        assert client.connected, client.error
    with Client(edge.port, transport=transport) as client:
        assert not client.connected
        assert client.error == {"message": "A token is needed.", "data": {"code": "token-missing"}}


def test_the_token_of_the_payload_comes_first(edge):
    with Client(edge.port, query=f"?token={good()}", auth={"token": "nonsense"}) as client:
        assert client.code == "token-malformed"


@pytest.mark.parametrize("code, given", [
    ("token-missing", lambda: None),
    ("token-missing", lambda: ""),
    ("token-malformed", lambda: "nonsense"),
    ("token-malformed", lambda: 7),
    ("token-malformed", lambda: {"a": 1}),
    ("token-algorithm", lambda: token({"iss": "id", "aud": "vy"}, alg="none")),
    ("token-algorithm", lambda: token({"iss": "id", "aud": "vy"}, alg="HS512")),
    ("token-signature", lambda: token({"iss": "id", "aud": "vy"}, secret=SECRET[::-1])),
    ("token-expired", lambda: good(exp=time.time() - 1)),
    ("token-without-expiry", lambda: good(exp=None)),
    ("token-not-yet-valid", lambda: good(nbf=time.time() + 60)),
    ("token-issuer", lambda: good(iss="other")),
    ("token-audience", lambda: good(aud="other")),
    ("token-without-user", lambda: good(sub=None)),
    ("token-without-user", lambda: good(sub="u" * 257)),
])
def test_a_wrong_token_is_refused_and_not_told(edge, code, given):
    value = given()
    with Client(edge.port, auth={"token": value}) as client:
        assert not client.connected
        assert client.code == code
        assert client.error["message"]
        if isinstance(value, str) and value:
            assert value not in str(client.error) and value not in edge.log_text()


def test_another_user_than_the_tokens_is_refused(edge):
    with Client(edge.port, query="?userId=456", auth={"token": good()}) as client:
        assert not client.connected and client.code == "user-mismatch"
    with Client(edge.port, query="?userId=123", auth={"token": good()}) as client:
        assert client.connected
        assert client.call("register-user", "123") == {"ok": True, "userId": "123"}
        assert client.call("register-user", "456")["ok"] is False


@pytest.mark.parametrize("user", ["456", 456, {"userId": "456"}])
def test_no_socket_registers_as_another_user(stack, edge, user):
    with Client(edge.port, auth={"token": good()}) as client:
        updates = []
        client.client.on(EVENT, lambda update, *_: updates.append(update["userId"]), namespace=NAMESPACE)
        assert client.call("register-user", user) == {"ok": False, "error": "The token is another user's than the one that is named."}
        pay(stack, "456")
        pay(stack, "123")
        wait_until(lambda: updates, 10, "an update of the token's user")
        assert set(updates) == {"123"}


def test_a_pid_is_no_token(stack, edge):
    """Who recovers says again who they are: neither a `pid` nor an offset brings the updates of its user."""
    with Raw(edge.port) as raw:
        kind, reply = raw.join({"token": good()})
        assert kind == "0"
        pid = reply["pid"]
    for given, code in [({}, "token-missing"), ({"token": good(exp=time.time() - 9)}, "token-expired"), ({"token": good()[:-3] + "AAA"}, "token-signature")]:
        with Raw(edge.port) as raw:
            kind, reply = raw.join({"pid": pid, **given})
            assert (kind, reply["data"]) == ("4", {"code": code})
            pay(stack, "123")
            assert raw.is_silent()
    with Raw(edge.port) as raw:
        kind, reply = raw.join({"pid": pid, "token": good()})
        assert (kind, reply["pid"]) == ("0", pid), "the same user goes on"


def test_a_claim_gives_no_other_user_than_the_tokens(stack, edge):
    with Raw(edge.port) as raw:
        owned = raw.join({"token": good()})[1]["pid"]
    with Raw(stack.ports["edge-ws-1"]) as raw:
        nobodys = raw.join()[1]["pid"]
    claims = [{"pid": owned}, {"pid": owned, "offset": "1-1/123"}, {"pid": nobodys, "offset": "1-1/123"}]
    for number, claim in enumerate(claims):
        user = f"claims-{number}"
        with Raw(edge.port) as raw:
            kind, reply = raw.join({**claim, "token": good(sub=user)})
            assert kind == "0" and reply["pid"] != claim["pid"], "it begins anew"
            pay(stack, "123")
            assert raw.is_silent()
            pay(stack, user)
            assert f'"userId":"{user}"' in raw.receive()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_the_socket_goes_when_the_token_expires(edge, transport):
    with Client(edge.port, auth={"token": good(exp=time.time() + 1.5)}, transport=transport) as client:
        assert client.connected
        start = time.monotonic()
        wait_until(lambda: client.disconnects, 5, "the disconnect at the token's expiry")
        assert 0.5 < time.monotonic() - start and running(start) < 2.5
        assert client.disconnects == ["server disconnect"]


def test_the_token_of_a_later_connection_counts(edge):
    """A connection that was recovered with a new token stays longer than the old one did."""
    with Raw(edge.port) as raw:
        pid = raw.join({"token": good(exp=time.time() + 1)})[1]["pid"]
    with Raw(edge.port) as raw:
        assert raw.join({"pid": pid, "token": good()})[1]["pid"] == pid
        assert raw.is_silent(1.5)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*words, data: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *map(str, words)], input=data, capture_output=True, check=True).stdout


def rsa_token(key, **head) -> str:
    text = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", **head}, {"sub": "123", "exp": int(time.time()) + 60}))
    return f"{text}.{base64url(openssl('dgst', '-sha256', '-sign', key, data=text.encode()))}"


def test_keys_of_a_file(stack, tmp_path):
    ours, other, keys = tmp_path / "ours.pem", tmp_path / "other.pem", tmp_path / "keys.json"
    for key in (ours, other):
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
    modulus = bytes.fromhex(openssl("rsa", "-in", ours, "-noout", "-modulus").decode().strip().removeprefix("Modulus="))
    keys.write_text(json.dumps({"keys": [{"kty": "RSA", "kid": "one", "use": "sig", "alg": "RS256", "n": base64url(modulus), "e": "AQAB"}]}))
    with edge_ws(stack, "ws-jwks", AUTH_JWT_JWKS_FILE=keys) as process:
        for text, code in [
            (rsa_token(ours, kid="one"), None),
            (rsa_token(ours), None),
            (rsa_token(ours, kid="two"), "token-key"),
            (rsa_token(other, kid="one"), "token-signature"),
            # The public key as the secret of an HMAC (RFC 8725 §2.1).
            (token(secret=keys.read_text()), "token-algorithm"),
        ]:
            with Client(process.port, auth={"token": text}) as client:
                assert (client.connected, client.code) == (code is None, code)


@pytest.mark.parametrize("env, mistake", [
    ({"AUTH_JWT_SECRET": "short"}, "shorter than 32 bytes"),
    ({"AUTH_JWT_SECRET": SECRET, "AUTH_JWT_JWKS_FILE": "/dev/null"}, "set one of the two"),
    ({"AUTH_JWT_JWKS_FILE": "/nonexistent"}, "cannot read /nonexistent"),
    ({"AUTH_JWT_JWKS_FILE": "/dev/null"}, "no JSON Web Key Set"),
    ({"AUTH_JWT_AUDIENCE": "vy"}, "need AUTH_JWT_SECRET"),
])
def test_wrong_settings_are_told_at_the_start(env, mistake, tmp_path):
    run = subprocess.run([binary("edge-ws"), "--check-config"], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=10)
    assert run.returncode == 64 and mistake in run.stderr and SECRET not in run.stderr


def test_production_without_authentication_says_so_loudly(stack):
    with edge_ws(stack, "ws-open", NODE_ENV="production", BRIDGE_SOCKET=None) as process:
        [warning] = [entry for entry in process.log_entries() if entry["message"].startswith("NO AUTHENTICATION")]
        assert warning["level"] == "warning" and "AUTH_JWT_SECRET" in warning["message"]


@pytest.mark.parametrize("env", [{"NODE_ENV": "production", "AUTH_JWT_SECRET": SECRET}, {"NODE_ENV": "development"}])
def test_there_is_no_warning_where_none_is_due(stack, env):
    with edge_ws(stack, "ws-quiet", BRIDGE_SOCKET=None, **env) as process:
        assert "NO AUTHENTICATION" not in process.log_text()
