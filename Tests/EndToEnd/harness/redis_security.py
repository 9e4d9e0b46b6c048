"""A stack whose Redis takes TLS with a client's certificate alone, and knows the gateway as a user that may do no more than it has to."""

import hashlib
import re
from pathlib import Path

from .stack import ROOT, Stack

PASSWORD = "hush, with a blank"
ADMIN = "for-the-test-alone"


def documented_rules() -> str:
    """The rights that docs/deployment.md gives to the gateway's user."""
    return re.search(r"ACL SETUSER vy-gateway on '>…' (.+)$", (ROOT / "docs/deployment.md").read_text(), re.M)[1]


def tls_redis(certificates: Path, name: str, port: int) -> list:
    """The command of a redis-server that has the certificate `name` and asks clients for one."""
    return ["redis-server", "--bind", "127.0.0.1", "--port", 0, "--tls-port", port, "--tls-cert-file", certificates / f"{name}.pem",
            "--tls-key-file", certificates / f"{name}.key", "--tls-ca-cert-file", certificates / "ca.pem", "--tls-auth-clients", "yes",
            "--save", "", "--appendonly", "no"]


class SecureRedisStack(Stack):
    def __init__(self, certificates: Path):
        self.certificates = certificates
        super().__init__("redis-tls", replicas=1)
        (self.folder / "redis").mkdir(exist_ok=True)
        (self.folder / "redis/users.acl").write_text(
            f"user default on >{ADMIN} ~* &* +@all\n"
            f"user vy-gateway on #{hashlib.sha256(PASSWORD.encode()).hexdigest()} {documented_rules().replace(chr(39), '')}\n")
        (self.folder / "password").write_text(PASSWORD + "\n")
        for process in self.own:
            process.env |= {
                "REDIS_HOST": "localhost", "REDIS_USERNAME": "vy-gateway", "REDIS_PASSWORD_FILE": self.folder / "password", "REDIS_TLS": "on",
                "REDIS_TLS_CA": certificates / "ca.pem", "REDIS_TLS_CERT": certificates / "client.pem", "REDIS_TLS_KEY": certificates / "client.key",
            }

    def _redis_command(self) -> list:
        return [*tls_redis(self.certificates, "server", self.redis_port), "--aclfile", self.folder / "redis/users.acl", "--dir", self.folder / "redis"]

    def redis_cli(self, *words: str) -> str:
        own = self.certificates
        return super().redis_cli(
            "--tls", "--cacert", str(own / "ca.pem"), "--cert", str(own / "client.pem"), "--key", str(own / "client.key"), "--no-auth-warning",
            "-a", ADMIN, *words)

