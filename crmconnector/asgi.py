"""ASGI entry point; the pop stream needs ASGI in development too."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crmconnector.settings")
application = get_asgi_application()
