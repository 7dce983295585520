"""How requests for approval are refused."""

from models.refusals import Refusal


class NoAdministrators(Refusal):
    """The customer has nobody who could approve."""

    code = "no_administrators"
    status = 409
    en = "The company has no administrators who could approve it."
    ja = "承認できる管理者が登録されていません。"
