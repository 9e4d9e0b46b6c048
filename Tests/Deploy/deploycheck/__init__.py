"""What the files under deploy say, compared with the program's own settings. A finding is a sentence that begins with its place."""

from pathlib import Path

from . import compose, dockerfile, kubernetes, monitoring, proxies, systemd
from .settings import Settings

ROOT = Path(__file__).resolve().parents[3]
KINDS = {"systemd": systemd, "dockerfile": dockerfile, "compose": compose, "kubernetes": kubernetes, "proxies": proxies, "monitoring": monitoring}


def findings(root: Path = ROOT, settings: Settings | None = None) -> list[str]:
    settings = settings or Settings.read(root)
    return [finding for kind in KINDS.values() for finding in kind.findings(root, settings)]


def instances(root: Path = ROOT) -> list:
    """Every process that some file starts, with its environment."""
    return [instance for kind in (systemd, compose, kubernetes) for instance in kind.instances(root)]
