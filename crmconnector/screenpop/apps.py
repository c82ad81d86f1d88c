from django.apps import AppConfig


class ScreenpopConfig(AppConfig):
    name = "crmconnector.screenpop"
    label = "screenpop"
    verbose_name = "Screen pops"
