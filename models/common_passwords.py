"""Passwords of twelve and more characters that leaks of the past have made known, in lower case."""

from functools import cache
from importlib import resources


@cache
def common_passwords() -> frozenset[str]:
    return frozenset(resources.files("models").joinpath("common_passwords.txt").read_text().split())
