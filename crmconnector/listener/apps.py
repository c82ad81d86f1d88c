from django.apps import AppConfig


class ListenerConfig(AppConfig):
    name = "crmconnector.listener"
    label = "listener"
    verbose_name = "Listener"
