"""The product's own wording of every mail."""

from itertools import pairwise

import pytest

from mail_templates.approval_wording import outcome
from mail_templates.catalogue import CATALOGUE
from mail_templates.checking import check_template
from mail_templates.placeholders import PLACEHOLDERS, PlaceholderKind
from mail_templates.rendering import default_template
from mail_templates.syntax import tokens
from models.approval_vocabulary import ApprovalState
from models.vocabulary import TENANT_TEMPLATES, Language, LinkPurpose, Mail
from tests.mails.mail_samples import EVERY_HTML_MAIL, EVERY_MAIL, rendered


@pytest.mark.requirement("TPL-01")
def test_every_mail_can_be_sent_and_thirteen_belong_to_the_tenant() -> None:
    """Whatever the vocabulary calls a mail is in the catalogue."""
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
    preview = rendered(mail, language)
    assert "{{" not in f"{preview.subject}{preview.text}{preview.html}"
    assert all(CATALOGUE[mail].sample_values(language).values())
    assert all(placeholder.meaning[language] for placeholder in CATALOGUE[mail].placeholders)


@pytest.mark.parametrize("mail", list(Mail))
def test_both_languages_tell_the_same(mail: Mail) -> None:
    """Whatever the Japanese body names, the English one names too."""
    named = [{token.name for token in tokens(default_template(mail, language).body)} for language in Language]
    assert named[0] == named[1]


@pytest.mark.requirement(
    "TEN-02", "AUT-03", "SET-06", "APP-09", "APP-12", "USR-03", "APP-18", "APP-15", "ADD-04", "ADD-05", "ADD-06"
)
@pytest.mark.parametrize(
    ("mail", "named"),
    [
        (Mail.STAFF_SIGNUP, {"TenantID", "TenantName", "SignupURL", "Deadline"}),
        (Mail.ACCOUNT_LOCKED, {"PortalURL", "LockDuration"}),
        (Mail.NOTIFICATION_ADDRESS_CONFIRMATION, {"ConfirmURL", "Deadline", "MailAddress"}),
        (Mail.APPLICATION_RECEIVED, {"TenantName", "ApplicantName", "ApplicationNumber", "PortalURL"}),
        (Mail.APPLICATION_DECIDED, {"Result", "ApplicantName", "ApplicationNumber", "PortalURL"}),
        (Mail.APPLICATION_REMINDER, {"ApplicationNumber", "ApplicantName", "DaysWaiting", "PortalURL"}),
        (Mail.UTM_ADDITION_RECEIVED, {"TenantName", "ApplicantName", "ApplicationNumber", "PortalURL"}),
        (Mail.UTM_ADDITION_REMINDER, {"ApplicationNumber", "ApplicantName", "DaysWaiting", "PortalURL"}),
        (Mail.UTM_ADDITION_RESULT, {"ApplicationNumber", "ApplicantName", "Result"}),
        (Mail.APPLICATION_CONFIRMATION, {"ApplicationNumber", "ConfirmURL", "Deadline"}),
        (Mail.PORTAL_USER_SIGNUP, {"SignupURL", "Deadline"}),
        (Mail.SIGNUP_REMINDER, {"SignupURL", "Deadline"}),
        (Mail.PERSONAL_INVITATION, {"ApplyURL", "Deadline"}),
        (Mail.UTM_PLANNED_ARRIVAL, {"PlannedArrivalDate", "PreviousArrivalDate"}),
        (Mail.UTM_WAYBILL_NUMBER, {"WaybillNumber", "TrackingURL"}),
        (Mail.UTM_RESTART_SCHEDULED, {"UTMName", "RestartAt"}),
        (Mail.RETURN_KIT_SENT, {"WaybillNumber", "DueDate"}),
    ],
)
def test_a_mail_says_what_it_must(mail: Mail, named: set[str]) -> None:
    """The facts that the requirements ask of each mail stand in its default text."""
    for language in Language:
        assert named <= {token.name for token in tokens(default_template(mail, language).body)}


@pytest.mark.parametrize(("mail", "language"), EVERY_HTML_MAIL)
def test_a_subject_tells_mails_apart_at_a_glance(mail: Mail, language: Language) -> None:
    """It fits the list of a mail program: 60 characters, about half of them on a phone."""
    assert len(rendered(mail, language).subject) <= {Language.JA: 50, Language.EN: 75}[language]


def test_a_mail_with_a_link_of_ours_says_which() -> None:
    """Whatever makes a link needs it in the body, and every purpose but the open invitation has its mail."""
    for kind in CATALOGUE.values():
        links = [placeholder for placeholder in kind.required if placeholder.kind is PlaceholderKind.LINK]
        assert not kind.purpose or len(links) == 1
    assert {kind.purpose for kind in CATALOGUE.values()} - {None} == set(LinkPurpose) - {LinkPurpose.INVITATION}


def test_no_placeholder_is_without_a_mail() -> None:
    """What no mail allows is not kept."""
    assert set(PLACEHOLDERS) == set().union(*(kind.names for kind in CATALOGUE.values()))


@pytest.mark.requirement("AUT-04")
def test_the_code_comes_in_one_text_message() -> None:
    """70 characters in Japanese, 160 in English, with the longest date there is."""
    japanese = rendered(Mail.PASSWORD_RESET_SMS, Language.JA, Deadline="2027年12月29日(水) 10:00")
    english = rendered(Mail.PASSWORD_RESET_SMS, Language.EN, Deadline="Wed 29 September 2027, 10:00 (UTC+08:00)")
    assert "314159" in japanese.text
    assert len(japanese.text.strip().encode("utf-16-le")) // 2 <= 70
    assert english.text.isascii()
    assert len(english.text.strip()) <= 160
    assert (japanese.subject, japanese.html) == ("", None)


@pytest.mark.parametrize(("mail", "language"), EVERY_MAIL)
def test_no_sentence_is_broken_over_two_lines(mail: Mail, language: Language) -> None:
    """Mail programs break lines themselves; ours would stand in the middle of theirs."""
    lines = default_template(mail, language).body.splitlines()
    broken = [line for line, after in pairwise(lines) if line and after[:1].islower()]
    assert broken == []


@pytest.mark.requirement("TPL-04")
@pytest.mark.parametrize("language", list(Language))
def test_the_samples_of_a_preview_do_not_contradict_each_other(language: Language) -> None:
    """What was refused was not approved, and a renewed term does not end before its renewal."""
    refused, renewed = rendered(Mail.VIEWER_REFUSED, language), rendered(Mail.CONTRACT_RENEWAL_NOTICE, language)
    approved = outcome(ApprovalState.APPROVED, language)
    assert approved not in f"{refused.subject}{refused.text}"
    sample = CATALOGUE[Mail.CONTRACT_RENEWAL_NOTICE].sample_values(language)
    assert sample["EndDate"] != sample["LastFreeDay"]
    assert sample["EndDate"] in renewed.text


def test_japanese_mails_name_things_by_one_word_and_nobody_you() -> None:
    """The portal is the portal to staff and customers alike; あなた is no word for a business partner."""
    for mail in Mail:
        body = default_template(mail, Language.JA).body
        assert [word for word in ("あなた", "管理画面") if word in body] == []


@pytest.mark.requirement("VWR-05")
def test_the_last_day_that_keeps_an_access_is_the_one_before_its_end() -> None:
    """It ends in the middle of the day that is named; on that day it may be too late."""
    assert "終了する日の前日までに" in default_template(Mail.VIEWER_UNUSED, Language.JA).body
    assert "before that day" in default_template(Mail.VIEWER_UNUSED, Language.EN).body
