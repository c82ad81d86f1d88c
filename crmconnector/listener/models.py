"""What the listener keeps for itself: poison events and signs of life."""

from django.db import models


class DeadLetter(models.Model):
    """An event that we could not interpret, kept with its text so that the stream goes on and a person can look."""

    pbx = models.ForeignKey("pbx.Pbx", models.CASCADE, related_name="+")
    at = models.DateTimeField()
    reason = models.CharField(max_length=300)
    raw = models.TextField()

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.reason


class Heartbeat(models.Model):
    """The last sign of life of a part that has no other row: the sweeper, each worker."""

    name = models.CharField(max_length=80, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.at}"
