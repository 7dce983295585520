"""What a worker finds around it, handed to its process in the environment."""

import dataclasses
import os
from typing import Self

_PREFIX = "BENCH_PEERS_"


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """`database_url`: of a database that this engine has for itself, on the server that all of them share."""

    database_url: str
    smtp_port: int
    temporal_address: str
    broker_url: str = ""

    @classmethod
    def found(cls) -> Self:
        found = {field.name: os.environ[_PREFIX + field.name] for field in dataclasses.fields(cls)}
        smtp_port = int(found.pop("smtp_port"))
        return cls(smtp_port=smtp_port, **found)

    def as_environment(self) -> dict[str, str]:
        return {_PREFIX + name: str(value) for name, value in dataclasses.asdict(self).items()}
