"""ASGI entry point; the pop stream needs ASGI in development too."""

import os

from django.core.asgi import get_asgi_application

from crmconnector.checks import refuse_wrong_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crmconnector.settings")
application = get_asgi_application()
refuse_wrong_settings()
