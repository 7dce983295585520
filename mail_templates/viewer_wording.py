"""How viewers are called, in mails and on pages."""

from models.vocabulary import Language


def person(name: str, department: str | None, mail_address: str, language: Language) -> str:
    """Who asks, in a line: `山田 太郎（営業部、taro@minato.example）`."""
    if language is Language.JA:
        return f"{name}（{'、'.join(part for part in (department, mail_address) if part)}）"
    return f"{name} ({', '.join(part for part in (department, mail_address) if part)})"


def pc(pc_name: str, language: Language) -> str:
    return f"PC「{pc_name}」" if language is Language.JA else f"the PC “{pc_name}”"
