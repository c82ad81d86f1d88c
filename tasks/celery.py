"""Celery carries "look now" and nothing else: what must happen is a row in PostgreSQL, and the sweeper finds what the
broker lost.

Tasks that make a phone act are acknowledged before they run and never retried: a killed worker must lose its message,
because the alternative is a second dial.
"""

import os

import django
from celery import Celery
from celery.signals import worker_init, worker_process_init, worker_ready, worker_shutdown, worker_shutting_down
from django.apps import apps
from django.conf import settings
from django.db import connections

from crmconnector.checks import refuse_wrong_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crmconnector.settings")
if not apps.ready:
    django.setup()

app = Celery(
    "crmconnector", include=["tasks.call_control", "tasks.contact_imports", "tasks.device_control", "tasks.reconcile"]
)
app.conf.update(
    broker_url=settings.BROKER_URL,
    task_default_queue="phone_control",
    task_ignore_result=True,
    task_acks_late=False,
    task_reject_on_worker_lost=False,
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "socket_timeout": 10,  # longer than the blocking read of the worker, short enough to notice a lost broker
        "socket_connect_timeout": 1,
        "retry_on_timeout": False,
        "max_retries": 0,
        "global_keyprefix": "crmconnector:",
    },
    redis_socket_timeout=10,
    redis_socket_connect_timeout=1,
    task_publish_retry=False,
    timezone="UTC",
)
app.set_default()


@worker_init.connect
def _refuse_wrong_settings(**_: object) -> None:
    refuse_wrong_settings()


@worker_ready.connect
def _start_signs_of_life(**_: object) -> None:
    from tasks.heartbeat import keep_writing  # it needs the models, which need the line above

    keep_writing()


@worker_ready.connect
def _start_looking(**_: object) -> None:
    """In the main process alone, whatever the pool; from its own thread it looks at the phones until we stop."""
    from tasks.device_control import DESK
    from tasks.device_health import start_looking

    looker = start_looking()

    def stop(**_: object) -> None:
        looker.stop()
        DESK.close()

    worker_shutting_down.connect(lambda **_: looker.stop_soon(), weak=False)
    worker_shutdown.connect(stop, weak=False)


@worker_process_init.connect
def _forget_inherited_connections(**_: object) -> None:
    """A child that is forked later inherits the pool of the looking thread: the sockets are the parent's to use."""
    for connection in connections.all():
        getattr(connection, "_connection_pools", {}).clear()
