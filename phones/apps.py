from django.apps import AppConfig


class PhonesConfig(AppConfig):
    name = "phones"
    label = "phones"
    verbose_name = "Phones"
