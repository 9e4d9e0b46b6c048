"""The harness of the end-to-end tests is used here too."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "EndToEnd"), str(Path(__file__).resolve().parent)]
