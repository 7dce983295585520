"""How restarts and other commands to devices are refused."""

from models.refusals import Refusal


class RestartInProgress(Refusal):
    """RST-02: the last restart is not over."""

    code = "restart_in_progress"
    status = 409
    en = "A restart of this UTM is in progress."
    ja = "このUTMは再起動の処理中です。"


class UtmOffline(Refusal):
    """RST-01: at once only what is online can be restarted."""

    code = "utm_offline"
    status = 409
    en = "The UTM is not online. A restart can be scheduled for later."
    ja = "このUTMはオンラインではありません。日時を指定した再起動は予約できます。"


class RemoteSupportOpen(Refusal):
    """RSA-05: one open session per device, and one open request for one."""

    code = "remote_support_open"
    status = 409
    en = "A remote-support session of this UTM is open or asked for already."
    ja = "このUTMのリモートサポートは、すでに依頼中または実施中です。"


class RemoteSupportDenied(Refusal):
    """The customer has said no a short while ago. With the seconds after which the desk may ask again."""

    code = "remote_support_denied"
    status = 429
    en = "The company has just denied remote support of this UTM. It can be asked for again later."
    ja = "このUTMのリモートサポートは、先ほどお客様に否認されました。しばらくしてから、もう一度依頼してください。"
