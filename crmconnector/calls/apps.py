from django.apps import AppConfig


class CallsConfig(AppConfig):
    name = "crmconnector.calls"
    label = "calls"
    verbose_name = "Calls"
