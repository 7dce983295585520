"""`tetsuzuki up` as whoever starts it sees it: real processes, real signals."""

import json
import os
import signal
import smtplib
import stat
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from temporalio.client import Client

from local.processes import free_port, installed_program
from tests.product_process import STARTS_WITHIN, Product

PARTS = ["Postgres", "Temporal", "Inbox", "Worker 1", "Carrier", "API"]

NewProduct = Callable[..., Product]


@pytest.fixture
def new_product(tmp_path: Path) -> Iterator[NewProduct]:
    """Makes one with the options given, and stops it in the end."""
    made: list[Product] = []

    def make(*options: str) -> Product:
        made.append(Product(tmp_path, "--no-local-carrier", *options))  # one process less to wait for
        return made[-1]

    yield make
    for product in made:
        product.stop()


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One that runs through several tests, each of which leaves it running."""
    product = Product(tmp_path_factory.mktemp("up"), "--api-port", str(free_port()), "--workers", "2")
    product.start()
    yield product
    product.stop()


@pytest.fixture(scope="module")
def addresses(product: Product) -> dict[str, Any]:
    ready: dict[str, Any] = json.loads(product.ready_file.read_text())
    return ready


def wait_until_ready(api_url: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            if httpx2.get(f"{api_url}/readyz", timeout=10).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)


def smtp_port_of(product: Product) -> int:
    [ports] = product.data_dir.rglob("ports.json")
    port: int = json.loads(ports.read_text())["smtp"]
    return port


def send_mail(product: Product, subject: str) -> None:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = "a@example.com"
    message["To"] = "b@example.com"
    with smtplib.SMTP("127.0.0.1", smtp_port_of(product)) as connection:
        connection.send_message(message)


def test_the_ready_file_tells_where_everything_answers(product: Product, addresses: dict[str, Any]) -> None:
    """It has the promised fields, each address answers, and only its owner may read it."""
    promised = {"api_url", "temporal_address", "temporal_ui_url", "inbox_url", "database_url", "operator_key"}
    assert addresses.keys() == promised
    for url in (f"{addresses['api_url']}/readyz", addresses["inbox_url"], addresses["temporal_ui_url"]):
        assert httpx2.get(url, follow_redirects=True).status_code == 200
    assert product.ready_file.stat().st_mode & 0o077 == 0


def test_the_web_ui_reads_payloads_through_the_products_codec(addresses: dict[str, Any]) -> None:
    """Operators see decrypted payloads without setting anything up."""
    settings = httpx2.get(f"{addresses['temporal_ui_url']}/api/v1/settings").json()
    assert settings["Codec"]["Endpoint"] == f"{addresses['api_url']}/codec"


def test_whatever_it_writes_is_its_owners_alone(product: Product, addresses: dict[str, Any]) -> None:
    """The inbox's mails have live links, the ready file the operator key."""
    assert addresses
    send_mail(product, "of nobody's business")
    written = [product.data_dir, product.ready_file, *product.data_dir.rglob("*")]
    assert any(path.suffix == ".eml" for path in written)
    others = stat.S_IRWXG | stat.S_IRWXO
    assert [path for path in written if not path.is_socket() and path.lstat().st_mode & others] == []


def test_no_part_is_reachable_from_elsewhere(product: Product) -> None:
    """Every port that the stack listens on is on loopback."""
    listening = {
        connection.laddr.ip
        for pid in product.pids().values()
        if psutil.pid_exists(pid)
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


@pytest.mark.requirement("GEN-02")
@pytest.mark.parametrize("name", PARTS)
def test_a_killed_part_comes_back(product: Product, addresses: dict[str, Any], name: str) -> None:
    """Each part is started again by itself, on its old address, until everything answers as before."""
    killed = product.pids()[name]
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + STARTS_WITHIN
    while product.pids()[name] == killed:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    wait_until_ready(addresses["api_url"])
    assert product.process.poll() is None


def test_a_second_one_on_the_same_folder_is_refused(product: Product, new_product: NewProduct) -> None:
    """It says who holds the folder, and does not touch the first one's ready file."""
    second = new_product()
    second.data_dir, second.ready_file = product.data_dir, product.ready_file
    second.begin()
    assert second.process.wait(STARTS_WITHIN) == 1
    assert f"process {product.process.pid}) already runs" in " ".join(second.said.split())
    assert product.ready_file.exists()


def test_a_taken_port_is_told_in_a_sentence(addresses: dict[str, Any], new_product: NewProduct) -> None:
    """The port that was asked for is not quietly replaced by another."""
    taken = addresses["api_url"].rpartition(":")[2]
    second = new_product("--api-port", taken)
    second.begin()
    assert second.process.wait(STARTS_WITHIN) == 1
    assert f"Port {taken} is taken." in second.said


@pytest.mark.requirement("GEN-02")
async def test_everything_goes_on_after_all_of_it_was_killed(new_product: NewProduct) -> None:
    """The next start has the same addresses, keys, mails and procedures; the stop after it is clean."""
    product = new_product("--api-port", str(free_port()))
    before = product.start()
    send_mail(product, "Survivor")
    client = await Client.connect(before["temporal_address"])
    await client.start_workflow("Waiting", id="waiting-1", task_queue="nobody")
    product.kill_all()

    assert product.start() == before
    mails = httpx2.get(f"{before['inbox_url']}/api/mails", params={"subject": "Survivor"}).json()
    assert mails["total"] == 1
    client = await Client.connect(before["temporal_address"])
    assert (await client.get_workflow_handle("waiting-1").describe()).id == "waiting-1"

    assert product.stop() == 0
    assert product.running() == []
    assert not product.ready_file.exists()


@pytest.mark.requirement("GEN-02")
def test_a_killed_supervisor_leaves_nothing_that_blocks_the_next_start(new_product: NewProduct) -> None:
    """Its parts end with it or are ended by the next one, which comes up on the same addresses."""
    product = new_product("--api-port", str(free_port()))
    before = product.start()
    product.process.kill()
    product.process.wait()
    assert product.start() == before
    product.stop()


@pytest.mark.requirement("GEN-02")
def test_it_does_not_outlive_a_killed_uv_run(new_product: NewProduct) -> None:
    """`uv run` cannot pass its own kill on; the next start waits until the first has noticed, and goes on."""
    product = new_product("--api-port", str(free_port()))
    product.launcher = [installed_program("uv"), "run", "--no-project"]
    before = product.start()
    product.process.kill()
    product.process.wait()
    assert product.start() == before
    assert product.stop() == 0


def test_it_goes_on_when_nobody_listens_to_it_any_more(new_product: NewProduct) -> None:
    """A pipe that is closed at its other end is no reason to stop, nor to stop badly."""
    product = new_product("--api-port", str(free_port()))
    reading, writing = os.pipe()
    os.close(reading)
    product.begin(output=writing)
    os.close(writing)
    product.wait_for_ready_file()
    assert product.stop() == 0


def test_a_rehearsal_begins_empty_and_tells_the_worlds_time(new_product: NewProduct) -> None:
    """Its server has no Web UI and no memory, so mails and database begin anew each time, beside the real ones."""
    product = new_product("--rehearsal", "--api-port", str(free_port()))
    before = product.start()
    assert before["temporal_ui_url"] is None
    send_mail(product, "Forgotten")
    assert httpx2.get(f"{before['inbox_url']}/api/mails").json()["total"] == 1
    product.stop()
    assert product.start() == before
    assert httpx2.get(f"{before['inbox_url']}/api/mails").json()["total"] == 0
    assert product.stop() == 0


def test_a_rehearsal_sends_no_mail_to_other_machines(new_product: NewProduct) -> None:
    """Only a mail server on loopback is accepted."""
    product = new_product("--rehearsal", "--smtp-host", "192.0.2.1")
    product.begin()
    assert product.process.wait(STARTS_WITHIN) == 1
    assert "192.0.2.1 is not on loopback" in " ".join(product.said.split())


def test_a_mail_server_of_ones_own_takes_the_inboxes_place(new_product: NewProduct, product: Product) -> None:
    """There is no built-in inbox then, and the ready file says so."""
    port = str(smtp_port_of(product))
    other = new_product("--api-port", str(free_port()), "--smtp-host", "127.0.0.1", "--smtp-port", port)
    assert other.start()["inbox_url"] is None
    assert "Inbox" not in other.pids()
    assert other.stop() == 0
