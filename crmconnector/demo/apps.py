from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "crmconnector.demo"
    label = "demo"
    verbose_name = "Demo"
