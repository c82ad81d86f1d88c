from django.apps import AppConfig


class ContactsConfig(AppConfig):
    name = "crmconnector.contacts"
    label = "contacts"
    verbose_name = "Contacts"
