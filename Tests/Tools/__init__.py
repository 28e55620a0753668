"""Tests of the Python under Tools/, which Tools/test runs in the environment of Tools/setup."""

import sys
from pathlib import Path

# The exporter's modules lie beside its script.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Tools" / "export"))
