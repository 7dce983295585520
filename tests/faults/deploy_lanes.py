"""The lane of deployments: the code changes while jobs of every kind are under way."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults.casts import CASTS, Cast
from tests.faults.lanes import timed
from tests.faults.report import Findings
from tests.faults.rollout import Rollout
from tests.faults.site import site
from tests.faults.versions import Operator, tasks_by_version


async def deployments(folder: Path, *, kinds: Sequence[type[Cast[Any]]] = CASTS, taken_back: bool = True) -> Findings:
    """Each kind of job on a product of its own. `taken_back`: also a version that does not fit."""
    findings = Findings("deployments")
    async with timed(findings):
        for kind in kinds:
            place = folder / kind.__name__
            place.mkdir()
            cast = kind(place)
            async with site(place, environment=cast.environment) as product, cast.on(product):
                with Operator(product).at_work() as operator:
                    rollout = Rollout(product, cast, operator, folder=place, findings=findings)
                    good = await rollout.goes_well()
                    if taken_back:
                        await rollout.is_taken_back(good)
                findings.facts.append(f"workflow tasks by version: {dict(await tasks_by_version(product))}")
    return findings
