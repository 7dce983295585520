"""`tetsuzuki up` whose worker and API reach Postgres and Temporal by other ports than these have: those of proxies.

python -m tests.faults.detoured_up POSTGRES_PORT TEMPORAL_PORT python cli.py up …

Deployments set both addresses; `up` sets them itself, because there it has made the servers.
"""

import sys

from sqlalchemy import make_url

import cli
from local.stack_plan import StackPlan


class Detour:
    def __init__(self, postgres: int, temporal: int) -> None:
        self._ports = postgres, temporal
        self._straight = StackPlan.settings

    def settings(self, plan: StackPlan) -> dict[str, str]:
        """In place of `StackPlan.settings`."""
        straight = self._straight(plan)
        postgres, temporal = self._ports
        database = make_url(straight["TETSUZUKI_DATABASE_URL"]).set(port=postgres)
        return straight | {
            "TETSUZUKI_DATABASE_URL": database.render_as_string(hide_password=False),
            "TEMPORAL_ADDRESS": f"127.0.0.1:{temporal}",
        }


def main() -> None:
    postgres, temporal, _python, _cli, *arguments = sys.argv[1:]
    detour = Detour(int(postgres), int(temporal))
    # A function, because it has to become a method.
    StackPlan.settings = lambda plan: detour.settings(plan)  # type: ignore[method-assign,assignment]  # noqa: PLW0108
    sys.argv = ["tetsuzuki", *arguments]
    cli.main()


if __name__ == "__main__":
    main()
