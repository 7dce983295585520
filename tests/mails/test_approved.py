"""Every mail in both languages against the file that a person has read and approved: `make approve-mails`."""

import os
from pathlib import Path

import pytest

from mail_templates.catalogue import CATALOGUE, Channel
from models.vocabulary import Language, Mail
from tests.mails.mail_samples import EVERY_MAIL, rendered

APPROVED = Path(__file__).parent / "approved"
APPROVING = bool(os.environ.get("TETSUZUKI_APPROVE_MAILS"))


def compare(name: str, content: str) -> None:
    """Byte for byte; when approving, the file becomes the content."""
    path = APPROVED / name
    if APPROVING:
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, "utf-8", newline="\n")
    assert path.read_text("utf-8") == content


@pytest.mark.requirement("TPL-01")
@pytest.mark.parametrize(("mail", "language"), EVERY_MAIL)
def test_a_mail_is_as_it_was_approved(mail: Mail, language: Language) -> None:
    """Subject, text and HTML."""
    sample = rendered(mail, language)
    compare(f"{mail}.{language}.txt", f"{sample.subject}\n\n{sample.text}" if sample.subject else sample.text)
    if sample.html is not None:
        compare(f"{mail}.{language}.html", sample.html)


def test_no_approved_file_is_left_behind() -> None:
    """Each belongs to a mail that exists."""
    expected = {
        f"{mail}.{language}.{extension}"
        for mail in Mail
        for language in Language
        for extension in (("txt", "html") if CATALOGUE[mail].channel is Channel.MAIL else ("txt",))
    }
    assert {path.name for path in APPROVED.iterdir()} == expected
