"""What of Socket.IO's transport depends on settings of edge-ws: which pages may use it, and the cookie for proxies."""

import pytest
from harness.conformance import Engine, sid_of
from harness.extra import edge_ws
from harness.stack import ORIGIN
from harness.wire import WebSocket

PATH = "/socket.io/"
OTHER = "https://evil.example"


def engine(port: int) -> Engine:
    return Engine(port, PATH)


# Origins: the stack allows one.


@pytest.mark.parametrize("target, status", [
    (f"{PATH}?EIO=4&transport=polling", 200), (f"{PATH}?EIO=4&transport=polling&sid=none", 400), (f"{PATH}?EIO=4&transport=x", 400), ("/nothing", 404),
])
@pytest.mark.parametrize("origin", [ORIGIN, OTHER, None])
def test_cors_of_one_origin(stack, target, status, origin):
    answer = engine(stack.ports["edge-ws-1"]).ask("GET", target, headers={"Origin": origin} if origin else {})
    assert answer.status == status
    assert answer.headers.get("access-control-allow-origin") == (ORIGIN if origin == ORIGIN else None)
    assert answer.headers.get("access-control-allow-credentials") == ("true" if origin == ORIGIN else None)
    assert "Origin" in answer.headers["vary"]


def test_cors_of_a_body_that_is_too_large(stack):
    edge = engine(stack.ports["edge-ws-1"])
    answer = edge.ask("POST", edge.target("polling", edge.polling().sid), "4" + "x" * 1_000_000, {"Origin": ORIGIN})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (413, ORIGIN)


@pytest.mark.parametrize("origin", [ORIGIN, OTHER])
def test_preflight_of_one_origin(stack, origin):
    edge = engine(stack.ports["edge-ws-1"])
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = edge.ask("OPTIONS", edge.target("polling"), headers=asked)
    assert (answer.status, answer.headers.get("access-control-allow-origin")) == (204, ORIGIN if origin == ORIGIN else None)
    assert answer.headers["access-control-allow-headers"] == "authorization"


@pytest.mark.parametrize("origin, allowed", [
    (None, True), (ORIGIN, True), ("http://127.0.0.1:PORT", True), ("https://127.0.0.1:PORT", True), (OTHER, False), ("null", False), ("", False),
    (ORIGIN + ".evil.example", False), (ORIGIN.upper(), False), ("http://127.0.0.1", False), ("http://127.0.0.1:1", False),
])
def test_websockets_of_other_pages_are_refused(stack, origin, allowed):
    port = stack.ports["edge-ws-1"]
    headers = {"Origin": origin.replace("PORT", str(port))} if origin is not None else {}
    with WebSocket(port, engine(port).target("websocket"), headers=headers) as websocket:
        if allowed:
            assert websocket.receive_text().startswith("0{")
        else:
            assert (websocket.refusal.status, websocket.refusal.body) == (403, b"Forbidden")
            assert websocket.refusal.headers["content-type"] == "text/html"
            assert websocket.rest() == b""


def test_an_upgrade_from_another_page_is_refused_and_polling_goes_on(stack):
    edge = engine(stack.ports["edge-ws-1"])
    session = edge.polling()
    with edge.websocket(session.sid, headers={"Origin": OTHER}) as websocket:
        assert websocket.refusal.status == 403
    session.send("40/finance-payments,")
    assert session.packets()[0].startswith("40/finance-payments,{")


def test_without_allowed_origins_there_is_no_cors(stack):
    with edge_ws(stack, "ws-no-cors", ALLOWED_ORIGINS="[]") as process:
        edge = engine(process.port)
        answer = edge.ask("GET", edge.target("polling"), headers={"Origin": ORIGIN})
        assert answer.status == 200 and not [name for name in answer.headers if name.startswith("access-control")]
        assert edge.ask("OPTIONS", edge.target("polling"), headers={"Origin": ORIGIN}).status == 400
        for origin, status in ((ORIGIN, 403), (f"http://127.0.0.1:{process.port}", 101)):
            with edge.websocket(headers={"Origin": origin}) as websocket:
                assert (websocket.refusal.status if websocket.refusal else 101) == status


# The cookie


def test_there_is_no_cookie_by_itself(stack):
    edge = engine(stack.ports["edge-ws-1"])
    assert "set-cookie" not in edge.ask("GET", edge.target("polling")).headers


def test_the_handshake_sets_the_cookie_and_nothing_else_does(stack):
    with edge_ws(stack, "ws-cookie", WS_COOKIE="io") as process:
        edge = engine(process.port)
        answer = edge.ask("GET", edge.target("polling"))
        sid = sid_of(answer.body)
        assert answer.headers["set-cookie"] == f"io={sid}; Path=/; HttpOnly; SameSite=Lax"
        for method, body in (("POST", "40/finance-payments,"), ("GET", None)):
            answer = edge.ask(method, edge.target("polling", sid), body, {"Cookie": f"io={sid}"})
            assert answer.status == 200 and "set-cookie" not in answer.headers
        with edge.websocket() as websocket:
            assert "set-cookie" not in websocket.headers


@pytest.mark.parametrize("name", ["two words", "a=b", "a;b", "é", "a,b", "a\r\nX: y"])
def test_a_name_that_no_cookie_has(stack, name):
    with pytest.raises(AssertionError, match="WS_COOKIE"):
        with edge_ws(stack, "ws-bad-cookie", WS_COOKIE=name):
            pass
