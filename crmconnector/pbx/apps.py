from django.apps import AppConfig


class PbxConfig(AppConfig):
    name = "crmconnector.pbx"
    label = "pbx"
    verbose_name = "PBXes"
