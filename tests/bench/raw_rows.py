"""What the product wrote, written again by nothing but SQL: the least that the same rows can cost."""

import time
from collections.abc import Sequence
from typing import Any

from django.db import connection, models, transaction

from crmconnector.calls.models import Call, Leg
from crmconnector.screenpop.models import Pop

WRITTEN = (Call, Leg, Pop)  # parents first


def insert_again(batch: int) -> tuple[int, float]:
    """(rows, seconds): read what is there, forget it, insert it again, so many rows of each table a transaction."""
    kept = [(model._meta.db_table, *_rows_of(model)) for model in WRITTEN]
    most = max(len(rows) for _, _, rows in kept)
    forget()
    began = time.perf_counter()
    for first in range(0, most, batch):
        with transaction.atomic():
            for table, columns, rows in kept:
                _insert(table, columns, rows[first : first + batch])
    return sum(len(rows) for _, _, rows in kept), time.perf_counter() - began


def forget() -> None:
    for model in reversed(WRITTEN):
        model.objects.all().delete()


def _insert(table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    places = ", ".join(["%s"] * len(columns))
    with connection.cursor() as cursor:
        cursor.executemany(f"insert into {table} ({', '.join(columns)}) values ({places})", rows)


def _rows_of(model: type[models.Model]) -> tuple[list[str], list[tuple[Any, ...]]]:
    with connection.cursor() as cursor:
        cursor.execute(f"select * from {model._meta.db_table} order by id")
        return [column.name for column in cursor.description], cursor.fetchall()
