"""Words of settings."""

from enum import StrEnum


class SettingLayer(StrEnum):
    """Who may say something of a setting."""

    SHIPPED = "shipped"
    """Earshot itself."""
    ORG = "org"
    PROGRAM = "program"
    CALL_TYPE = "call_type"
    HOST = "host"
    PERSON = "person"
    """Who listens, or meets somebody."""
    ACCOUNT = "account"
    CALL = "call"
