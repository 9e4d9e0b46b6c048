import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from deploycheck import ROOT, Settings  # noqa: E402


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings.read(ROOT)
