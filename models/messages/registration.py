"""What a person enters behind a signup link (TEN-03, USR-03)."""

from models.fields import CompanyName, Department, Input, Memo, OrAbsent, PhoneNumber, UserName


class NewPassword(Input):
    """Typed twice. `models.rules.passwords.password_errors` judges it, with the address."""

    password: str
    password_confirmation: str


class StaffProfile(Input):
    user_name: UserName
    company_name: CompanyName
    department: OrAbsent[Department] = None
    phone_number: OrAbsent[PhoneNumber] = None
    remark: OrAbsent[Memo] = None
