from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "crmconnector.audit"
    label = "audit"
    verbose_name = "Audit"
