"""The caller's card on a user's screen: one row per call and person, however many phones ring or tabs are open."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Pop(models.Model):
    """`version` grows with every change and is the event id of the browser's stream, so a reconnect replays rows."""

    class State(models.TextChoices):
        RINGING = "ringing", _("ringing")
        TALKING = "talking", _("talking")
        HELD = "held", _("on hold")
        CLOSED = "closed", _("closed")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="pops")
    call = models.ForeignKey("calls.Call", models.CASCADE, related_name="pops")
    leg = models.ForeignKey("calls.Leg", models.SET_NULL, null=True, related_name="+")  # the one Answer means
    state = models.CharField(max_length=10, choices=State.choices)
    payload = models.JSONField()
    version = models.BigIntegerField()
    opened_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ("version",)
        constraints = [models.UniqueConstraint(fields=["call", "user"], name="pop_once_per_call_and_user")]
        indexes = [
            models.Index(fields=["user", "version"], name="pop_stream"),
            models.Index(fields=["version"], name="pop_version"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.state}"
