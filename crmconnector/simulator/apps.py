"""The simulated office as a Django app: no models, only the command `simulate`."""

from django.apps import AppConfig


class SimulatorConfig(AppConfig):
    """Stands outside the layers: imports none of ours, and nobody imports it."""

    name = "crmconnector.simulator"
    label = "simulator"
    verbose_name = "Simulated office"
