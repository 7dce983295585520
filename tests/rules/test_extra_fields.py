"""The operator's extra questions and their answers (SET-05, APP-05)."""

import pytest

from models.messages.extra_fields import ExtraFieldsInput
from models.rules.extra_fields import ExtraField, ExtraFieldKind, answer_errors, definition_errors, given_answers

TEXT, CHOICE = ExtraFieldKind.TEXT, ExtraFieldKind.CHOICE
FIELDS = [
    ExtraField("業種", required=True, kind=CHOICE, choices=("製造", "小売")),
    ExtraField("備考", required=False, kind=TEXT),
    ExtraField("size", required=False, kind=CHOICE, choices=("S", "L")),
]


@pytest.mark.requirement("APP-05")
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"業種": "製造"}, {}),
        ({"業種": "製造", "備考": "なし", "size": "L"}, {}),
        ({"業種": "製造", "備考": " ", "size": ""}, {}),
        ({}, {"extra.業種": "required"}),
        ({"業種": "　"}, {"extra.業種": "required"}),
        ({"業種": "農業"}, {"extra.業種": "unknown_choice"}),
        ({"業種": "製造", "size": "s"}, {"extra.size": "unknown_choice"}),
        ({"業種": "製造", "色": "赤"}, {"extra.色": "unknown_field"}),
    ],
)
def test_answers_are_checked_against_the_questions(answers: dict[str, str], expected: dict[str, str]) -> None:
    """Required ones are there, choices are among the choices, and nothing else is answered."""
    assert {error.field: error.code for error in answer_errors(answers, FIELDS)} == expected


def test_blank_answers_are_not_stored() -> None:
    """What a form leaves empty is no answer."""
    assert given_answers({"業種": "製造", "備考": " "}) == {"業種": "製造"}


@pytest.mark.requirement("SET-05")
def test_questions_are_checked_together() -> None:
    """Labels differ; a choice has choices that differ; a text has none."""
    wrong = ExtraFieldsInput.model_validate(
        {
            "fields": [
                {"label": "a", "required": True, "kind": "text"},
                {"label": " a ", "required": True, "kind": "choice"},
                {"label": "b", "required": False, "kind": "text", "choices": ["x"]},
                {"label": "c", "required": False, "kind": "choice", "choices": ["x", "x"]},
            ]
        }
    )
    errors = definition_errors([field.definition() for field in wrong.fields])
    assert [(error.field, error.code) for error in errors] == [
        ("fields.1.label", "duplicate"),
        ("fields.1.choices", "required"),
        ("fields.2.choices", "unknown_field"),
        ("fields.3.choices", "duplicate"),
    ]
    assert definition_errors(FIELDS) == ()
