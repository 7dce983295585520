"""Where the figures go: docs/performance.md, between markers that name the benchmark."""

import platform
from datetime import UTC, datetime

import psutil

from bench.product import ROOT

PAGE = ROOT / "docs" / "performance.md"


def put(bench: str, markdown: str) -> None:
    """Replace what stands between the benchmark's markers.

    Raises:
        ValueError: the page has no place for it.
    """
    begins, ends = f"<!-- bench.{bench} begins -->", f"<!-- bench.{bench} ends -->"
    before, begun, rest = PAGE.read_text().partition(begins)
    _, ended, after = rest.partition(ends)
    if not (begun and ended):
        raise ValueError(f"docs/performance.md has no {begins} … {ends}")
    PAGE.write_text(f"{before}{begins}\n{markdown}\n{ends}{after}")


def machine() -> str:
    """What it was measured on, and when; nothing that names the machine."""
    memory = psutil.virtual_memory().total / 2**30
    cores, version = psutil.cpu_count(), platform.python_version()
    return f"{datetime.now(UTC):%Y-%m-%d}, {cores} cores, {memory:.0f} GB, Python {version}"
