"""The product as a user starts it, and a client that plays the main job on it: what the benchmarks share."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from temporalio.client import Client

from bench import bare
from local.processes import free_port
from models.encryption import Cipher
from models.identifiers import Draw, digest, secret_token
from models.messages.procedure import Command
from workflows.client import connect

ROOT = Path(__file__).parent.parent
FORM: dict[str, Any] = {
    "company": {
        "company_name": "みなと商事",
        "last_name": "山田",
        "first_name": "太郎",
        "mail_address": "taro@minato.example",
        "postal_code": "105-0011",
        "prefecture": "東京都",
        "address": "港区芝公園4-2-8",
        "phone_number": "0312345678",
    },
    "utm_destinations": [
        {
            "company_name": "みなと商事",
            "last_name": "山田",
            "first_name": "太郎",
            "postal_code": "105-0011",
            "prefecture": "東京都",
            "address": "港区芝公園4-2-8",
            "phone_number": "0312345678",
            "quantity": 2,
        }
    ],
    "portal_users": [{"last_name": "山田", "first_name": "花子", "mail_address": "hanako@minato.example"}],
}


@dataclass
class Product:
    """The running product, and what a client needs to speak to it."""

    api: httpx2.AsyncClient
    temporal: Client
    plain_temporal: Client
    tenant_id: str
    invitation: str
    staff: dict[str, str]

    async def submit(self) -> str:
        answer = await self.api.post(f"/v1/apply/{self.invitation}", json=FORM)
        answer.raise_for_status()
        return str(answer.json()["application_number"])

    async def confirm(self, number: str) -> None:
        handle = self.temporal.get_workflow_handle(f"service-application-{self.tenant_id}-{number}")
        await handle.execute_update("confirm", Command(command_id="confirm", actor="applicant"))

    async def decide(self, number: str) -> None:
        url = f"/v1/tenants/{self.tenant_id}/applications/{number}/deny"
        (await self.api.post(url, json={}, headers=self.staff)).raise_for_status()

    async def whole(self) -> None:
        number = await self.submit()
        await self.confirm(number)
        await self.decide(number)

    async def whole_bare(self, writing: bare.Writing) -> None:
        workflow_id = f"bare-{Draw().opaque_id()}"
        await bare.submit(self.plain_temporal, workflow_id, writing)
        await bare.confirm(self.plain_temporal, workflow_id)
        await bare.decide(self.plain_temporal, workflow_id)


@dataclass(frozen=True)
class Running:
    """A started product: what its ready file says, and its data folder."""

    ready: dict[str, str]
    data_dir: Path

    @property
    def owner_database_url(self) -> str:
        passwords = json.loads((self.data_dir / "secrets.json").read_text())["postgres"]
        return self.ready["database_url"].replace(f"app:{passwords['app']}", f"owner:{passwords['owner']}")


@contextmanager
def running_product(environment: Mapping[str, str] | None = None) -> Iterator[Running]:
    """`tetsuzuki up` in an empty folder, with the limits of anonymous routes out of the way; stopped at the end.

    `environment`: other settings.
    """
    with tempfile.TemporaryDirectory() as folder:
        ready_file, data_dir = Path(folder, "ready.json"), Path(folder, "data")
        unlimited = {
            f"TETSUZUKI_RATE_LIMITS__{name}": "1000000/minute" for name in ("APPLY_PER_CLIENT", "APPLY_PER_ADDRESS")
        }
        options = [f"--data-dir={data_dir}", f"--ready-file={ready_file}", f"--api-port={free_port()}"]
        up = subprocess.Popen(
            [sys.executable, "-m", "cli", "up", *options],
            cwd=ROOT,
            env=os.environ | unlimited | dict(environment or {}),
            stdout=subprocess.DEVNULL,
        )
        try:
            while not ready_file.exists():
                if up.poll() is not None:
                    raise SystemExit("the product did not start")
                time.sleep(0.1)
            yield Running(json.loads(ready_file.read_text()), data_dir)
        finally:
            up.terminate()
            up.wait()


def pid_of(running: Running, part: str) -> int:
    recorded = json.loads((running.data_dir / "processes.json").read_text())
    return int(recorded[part]["pid"])


async def prepare(running: Running) -> Product:
    """A tenant with a signed-in staff member, made straight in the database."""
    ready = running.ready
    now = datetime.now(UTC)
    tenant_id, person_id, token = "T8000001", Draw().opaque_id(), secret_token()
    with psycopg.connect(ready["database_url"]) as connection:
        connection.execute("SELECT set_config('app.tenant', %s, true)", (tenant_id,))
        connection.execute(
            "INSERT INTO tenants (tenant_id, name, time_zone, language, sender_name, state, created_at)"
            " VALUES (%s, 'Bench', 'Asia/Tokyo', 'ja', 'Bench', 'active', %s)",
            (tenant_id, now),
        )
        connection.execute(
            "INSERT INTO notification_addresses (tenant_id, slot, mail_address) VALUES (%s, 0, 'desk@bench.example')",
            (tenant_id,),
        )
        connection.execute(
            "INSERT INTO persons (person_id, mail_address, created_at) VALUES (%s, 'staff@bench.example', %s)",
            (person_id, now),
        )
        connection.execute(
            "INSERT INTO staff_members (tenant_id, person_id, mail_address, signup_state, created_at)"
            " VALUES (%s, %s, 'staff@bench.example', 'registered', %s)",
            (tenant_id, person_id, now),
        )
        connection.execute(
            "INSERT INTO sessions (token_digest, person_id, created_at, expires_at) VALUES (%s, %s, %s, %s)",
            (digest(token), person_id, now, now + timedelta(days=1)),
        )
    secrets = json.loads((running.data_dir / "secrets.json").read_text())
    cipher = Cipher.from_base64(secrets["payload_keys"], current=secrets["payload_key_id"])
    api = httpx2.AsyncClient(base_url=ready["api_url"], timeout=60, limits=httpx2.Limits(max_connections=60))
    staff = {"Authorization": f"Bearer {token}"}
    url = (await api.get(f"/v1/tenants/{tenant_id}/invitation", headers=staff)).json()["url"]
    return Product(
        api=api,
        temporal=await connect(ready["temporal_address"], "default", cipher),
        plain_temporal=await Client.connect(ready["temporal_address"]),
        tenant_id=tenant_id,
        invitation=url.rsplit("/", 1)[1],
        staff=staff,
    )
