"""The product's own wording of every mail."""

import pytest

from mail_templates.catalogue import CATALOGUE
from mail_templates.checking import check_template
from mail_templates.placeholders import PLACEHOLDERS
from mail_templates.rendering import Brand, default_template, render
from mail_templates.syntax import tokens
from models.vocabulary import TENANT_TEMPLATES, Language, Mail

EVERY_MAIL = [pytest.param(mail, language, id=f"{mail}.{language}") for mail in Mail for language in Language]


def test_every_mail_is_in_the_catalogue() -> None:
    """Whatever the vocabulary calls a mail can be sent."""
    assert set(CATALOGUE) == set(Mail)
    assert len(TENANT_TEMPLATES) == 13


@pytest.mark.requirement("TPL-03")
@pytest.mark.parametrize(("mail", "language"), EVERY_MAIL)
def test_the_products_own_wording_could_be_saved_by_a_tenant(mail: Mail, language: Language) -> None:
    """The default keeps every rule that a tenant's text must keep."""
    assert check_template(mail, default_template(mail, language)) == []


@pytest.mark.requirement("TPL-04")
@pytest.mark.parametrize(("mail", "language"), EVERY_MAIL)
def test_a_preview_has_a_sample_for_every_placeholder(mail: Mail, language: Language) -> None:
    """A preview never shows a placeholder instead of a value."""
    samples = CATALOGUE[mail].sample_values(language)
    rendered = render(mail, language, template=default_template(mail, language), values=samples, brand=Brand("T", "S"))
    assert "{{" not in f"{rendered.subject}{rendered.text}{rendered.html}"
    assert all(samples.values())


@pytest.mark.parametrize("mail", list(Mail))
def test_both_languages_tell_the_same(mail: Mail) -> None:
    """Whatever the Japanese body names, the English one names too."""
    named = [{token.name for token in tokens(default_template(mail, language).body)} for language in Language]
    assert named[0] == named[1]


def test_no_placeholder_is_without_a_mail() -> None:
    """What no mail allows is not kept."""
    assert set(PLACEHOLDERS) == set().union(*(kind.names for kind in CATALOGUE.values()))
