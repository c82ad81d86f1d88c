"""What the listener keeps for itself: leases, poison events and signs of life."""

from django.db import models


class Lease(models.Model):
    """Who holds one advisory lock, and until when that is to be believed; see lock.py. Times are the database's own.

    A frozen process keeps its session and so its lock for ever. One that no longer renews its lease has its session
    ended: the one with this pid and this start, for the operating system gives old pids to new processes.
    """

    lock_class = models.IntegerField()
    key = models.IntegerField()
    holder = models.CharField(max_length=32)  # one per LeaderLock, so that it can get back what a restart took
    backend_pid = models.IntegerField()
    backend_start = models.DateTimeField()
    lease_until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["lock_class", "key"], name="lease_once_per_lock")]

    def __str__(self) -> str:
        return f"{self.lock_class}/{self.key} until {self.lease_until}"


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
