from django.apps import AppConfig


class UsersConfig(AppConfig):
    name = "crmconnector.users"
    label = "users"
    verbose_name = "Users and teams"
