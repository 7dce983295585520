"""What remote support is told with, in mails and on pages: which device, and who or what ended a session."""

from models.device_vocabulary import RemoteSupportEnd
from models.vocabulary import Language

_ENDS: dict[RemoteSupportEnd, tuple[str, str]] = {
    RemoteSupportEnd.DESK: ("サポートデスク", "the support desk"),
    RemoteSupportEnd.ADMINISTRATOR: ("お客さま企業の管理者", "an administrator of the company"),
    RemoteSupportEnd.DURATION: ("予定時間の終了", "the session's time was over"),
    RemoteSupportEnd.DEVICE: ("UTM側での終了", "at the UTM"),
    RemoteSupportEnd.OPERATOR: ("サービス提供元", "the operator of the service"),
    RemoteSupportEnd.DEVICE_DELETED: ("UTMの登録が削除されました", "the UTM is not registered any more"),
    RemoteSupportEnd.NOT_STARTED: (
        "UTMが応答しなかったか、開始できませんでした",
        "the UTM did not answer, or could not start it",
    ),
    RemoteSupportEnd.BUSY: ("このUTMで別のリモートサポートが実施中でした", "another session was open at the UTM"),
}


def end(by: RemoteSupportEnd, language: Language) -> str:
    return _ENDS[by][language is Language.EN]


def device(name: str, utm_id: str, place: str, language: Language) -> str:
    """`本社 1階（UTM ID a1a1b2b2c3c3、〒105-0011 東京都港区芝公園4-2-8）`."""
    if language is Language.JA:
        return f"{name}（UTM ID {utm_id}、{place}）"
    return f"{name} (UTM ID {utm_id}, {place})"
