from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "crmconnector.web"
    label = "web"
    verbose_name = "Web"

    def ready(self) -> None:
        from crmconnector import checks  # noqa: F401  (registers the system checks)
