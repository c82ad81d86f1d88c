"""The servers and the supervisor behind `manage.py up`, for a machine that has neither PostgreSQL nor Valkey."""

from django.apps import AppConfig


class EmbeddedConfig(AppConfig):
    name = "crmconnector.embedded"
    verbose_name = "Own servers"
