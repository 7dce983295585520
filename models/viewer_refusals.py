"""How a viewer's token is refused (VWR-04). A wrong one is wrong input: `wrong_token`."""

from models.refusals import Refusal


class ViewerTokenUsed(Refusal):
    code = "token_used"
    status = 410
    en = "The token has been used. A new request is needed."
    ja = "この認証トークンは使用済みです。もう一度、閲覧許可を依頼してください。"


class ViewerTokenExpired(Refusal):
    code = "token_expired"
    status = 410
    en = "The token has expired. A new request is needed."
    ja = "この認証トークンは有効期限が切れています。もう一度、閲覧許可を依頼してください。"


class ViewerTokenExhausted(Refusal):
    """Also for the right one, after ten tries."""

    code = "token_exhausted"
    status = 410
    en = "The token was tried too often. A new request is needed."
    ja = "認証トークンの入力回数が上限に達しました。もう一度、閲覧許可を依頼してください。"
