"""Where words can be read: in every file that the product keeps, every row, and every payload opened with its key."""

import asyncio
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from tests.canaries import dump, opened
from tests.faults.site import Site

TABLES, PAYLOADS = "tables", "payloads"
"""Besides the files, each called by the first part of its path: `postgres`, `temporal.sqlite`, `logs` and others."""


async def places_of(site: Site, words: Collection[str]) -> dict[str, set[str]]:
    places = defaultdict[str, set[str]](set)
    texts = {TABLES: await asyncio.to_thread(dump, site.superuser_url), PAYLOADS: await _payloads(site)}
    for place, text in texts.items():
        for word in words:
            if word in text:
                places[word].add(place)
    for file, word in await asyncio.to_thread(_grep, site.product.data_dir, words):
        places[word].add(file)
    return dict(places)


async def _payloads(site: Site) -> str:
    parts = []
    async for execution in site.engine.list_workflows():
        history = await site.engine.get_workflow_handle(execution.id, run_id=execution.run_id).fetch_history()
        parts += [opened(site.cipher, event) + str(event) for event in history.events]
    return "".join(parts)


def _grep(folder: Path, words: Collection[str]) -> set[tuple[str, str]]:
    """Each word in each of the folder's files, whatever they are."""
    grep = shutil.which("grep")
    assert grep is not None
    asked = [grep, "--recursive", "--text", "--only-matching", "--fixed-strings", "--file=-", "."]
    found = subprocess.run(  # noqa: S603 - a search for our own words
        asked, cwd=folder, input="\n".join(words).encode(), stdout=subprocess.PIPE, check=False
    )
    lines = (line.removeprefix("./").rpartition(":") for line in found.stdout.decode().splitlines())
    return {(file.partition("/")[0].removesuffix("-wal"), word) for file, _, word in lines}
