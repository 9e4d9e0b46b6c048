"""One HTTP request on a connection of its own."""

import http.client
import json
from dataclasses import dataclass


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)


def request(port: int, method: str, path: str, body: bytes | None = None, headers: dict | None = None, timeout: float = 15) -> Answer:
    """Header names of the answer are in lower case."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


def assert_problem(answer: Answer, status: int, outcome: str | None, *, instance: str | None = None) -> dict:
    """Checks that it is a whole problem document (RFC 9457) and returns it."""
    assert answer.status == status, answer
    assert answer.headers["content-type"].split(";")[0] == "application/problem+json", answer
    problem = answer.json()
    assert set(problem) >= {"type", "title", "status", "detail", "instance", "requestId", "outcome"}, problem
    assert problem["status"] == status
    assert problem["title"] and problem["detail"] and problem["type"]
    assert problem["requestId"] == answer.headers["x-request-id"]
    if outcome is not None:
        assert problem["outcome"] == outcome, problem
    if instance is not None:
        assert problem["instance"] == instance, problem
    return problem
