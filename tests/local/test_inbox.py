import os
import signal
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import httpx2
import pytest

from local.processes import free_port
from local.product_command import ProductCommand


@dataclass
class RunningInbox:
    program: ProductCommand
    smtp_port: int
    web: httpx2.Client

    def send(self, message: EmailMessage, *, recipients: list[str] | None = None) -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp_port) as connection:
            connection.send_message(message, to_addrs=recipients)

    def mails(self, **query: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.web.get("/api/mails", params=query).raise_for_status().json()["items"]
        return items


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningInbox]:
    folder = tmp_path_factory.mktemp("inbox")
    smtp_port, web_port = free_port(), free_port()
    arguments = ["inbox", str(folder / "mails"), f"--smtp-port={smtp_port}", f"--web-port={web_port}"]
    program = ProductCommand(arguments, log=folder / "inbox.log", ports=[smtp_port, web_port])
    program.start()
    with httpx2.Client(base_url=f"http://127.0.0.1:{web_port}") as web:
        yield RunningInbox(program, smtp_port, web)
    program.stop()


def a_mail(subject: str = "お申し込みの確認") -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = "手続き <no-reply@tetsuzuki.example>"
    message["To"] = "Hanako <hanako@example.com>"
    message["Message-ID"] = "<1@tetsuzuki.example>"
    message.set_content("リンク: http://127.0.0.1:8080/links/abc\n")
    message.add_alternative("<p>リンク <a href='http://127.0.0.1:8080/links/abc'>開く</a></p>", subtype="html")
    return message


def test_a_mail_is_read_back_as_it_was_sent(inbox: RunningInbox) -> None:
    """Subject, both bodies, headers and the envelope's recipients come out as they went in."""
    inbox.send(a_mail("読み返す"), recipients=["hanako@example.com", "hidden@example.com"])
    [mail] = inbox.mails(subject="読み返す")
    assert mail["from"] == "no-reply@tetsuzuki.example"
    assert mail["to"] == ["hanako@example.com", "hidden@example.com"]
    assert mail["message_id"] == "<1@tetsuzuki.example>"
    assert mail["text"] == "リンク: http://127.0.0.1:8080/links/abc\n"
    assert "<a href='http://127.0.0.1:8080/links/abc'>" in mail["html"]
    assert ["To", "Hanako <hanako@example.com>"] in mail["headers"]
    assert inbox.web.get(f"/api/mails/{mail['id']}").json() == mail


def test_mails_are_found_by_recipient_and_subject(inbox: RunningInbox) -> None:
    """Newest first; a recipient is matched whole, a subject in part, capitals aside."""
    for number in range(3):
        inbox.send(a_mail(f"Needle {number}"), recipients=[f"person{number}@example.com"])
    assert [mail["subject"] for mail in inbox.mails(subject="needle")] == ["Needle 2", "Needle 1", "Needle 0"]
    assert [mail["subject"] for mail in inbox.mails(to="PERSON1@example.com")] == ["Needle 1"]
    assert inbox.mails(to="person") == []


def test_mails_survive_a_killed_inbox(inbox: RunningInbox) -> None:
    """What was answered with 250 is there when the inbox comes up again."""
    inbox.send(a_mail("Survivor"))
    assert inbox.program.pid is not None
    os.kill(inbox.program.pid, signal.SIGKILL)
    inbox.program.start()
    assert len(inbox.mails(subject="Survivor")) == 1


@pytest.mark.parametrize(("language", "heading"), [("ja", "受信トレイ"), ("en", "Inbox")])
def test_the_list_page_speaks_both_languages(inbox: RunningInbox, language: str, heading: str) -> None:
    """The page lists mails with their recipients, in the reader's language."""
    inbox.send(a_mail("Listed"), recipients=["listed@example.com"])
    page = inbox.web.get("/", params={"to": "listed@example.com"}, headers={"Accept-Language": language}).text
    assert heading in page
    assert "Listed" in page
    assert "listed@example.com" in page


def test_a_page_lists_fifty_and_leads_on_to_the_rest(inbox: RunningInbox) -> None:
    """Older mails are one link away."""
    for number in range(51):
        inbox.send(a_mail(f"Many {number}"))
    page = inbox.web.get("/", params={"subject": "many"}).text
    assert "Many 50" in page
    assert "Many 0<" not in page
    assert "Many 0<" in inbox.web.get("/", params={"subject": "many", "first": "50"}).text


def test_a_mails_html_can_do_no_harm(inbox: RunningInbox) -> None:
    """It is shown in a frame without scripts, forms or outside resources; its links open in a tab of their own."""
    inbox.send(a_mail("Framed"))
    [mail] = inbox.mails(subject="Framed")
    page = inbox.web.get(f"/mails/{mail['id']}")
    assert f'src="/mails/{mail["id"]}/html" sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert "frame-src 'self'" in page.headers["content-security-policy"]
    body = inbox.web.get(f"/mails/{mail['id']}/html")
    policy = body.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-popups" in policy
    assert body.text.startswith('<base target="_blank">')


def test_text_is_shown_as_text_with_its_links(inbox: RunningInbox) -> None:
    """Markup in a text mail stays text; addresses can be pressed."""
    message = a_mail("Escaped")
    message.clear_content()
    message.set_content("<script>alert(1)</script> http://127.0.0.1:8080/links/xyz")
    inbox.send(message)
    page = inbox.web.get(f"/mails/{inbox.mails(subject='Escaped')[0]['id']}").text
    assert "&lt;script&gt;" in page
    assert '<a href="http://127.0.0.1:8080/links/xyz"' in page


def test_attachments_and_the_source_are_given_out(inbox: RunningInbox) -> None:
    """An attachment is downloaded under its own name, the source is the mail byte for byte."""
    message = a_mail("Attached")
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="伝票.pdf")
    inbox.send(message)
    [mail] = inbox.mails(subject="Attached")
    assert mail["attachments"] == [{"filename": "伝票.pdf", "media_type": "application/pdf", "size": 8}]
    attachment = inbox.web.get(f"/mails/{mail['id']}/attachments/1")
    assert attachment.content == b"%PDF-1.7"
    assert attachment.headers["content-disposition"].startswith("attachment;")
    source = inbox.web.get(f"/mails/{mail['id']}/raw").content
    assert source.count(b"Message-ID: <1@tetsuzuki.example>\r\n") == 1


@pytest.mark.parametrize("path", ["/mails/unknown", "/mails/..%2fx", "/api/mails/unknown", "/mails/unknown/html"])
def test_an_unknown_mail_is_not_found(inbox: RunningInbox, path: str) -> None:
    """Whatever the path says, only mails are served."""
    assert inbox.web.get(path).status_code == 404


def test_another_sites_name_for_this_machine_reads_nothing(inbox: RunningInbox) -> None:
    """Mails hold links that decide things, so a page that rebinds its own name to loopback is refused."""
    assert inbox.web.get("/api/mails", headers={"Host": "attacker.example"}).status_code == 400
