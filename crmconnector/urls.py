from django.urls import path

from crmconnector.web.views import commands, health, stream

urlpatterns = [
    path("desk/stream", stream.pop_stream, name="pop-stream"),
    path("desk/pops/<int:pop_id>/answer", commands.answer, name="pop-answer"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
