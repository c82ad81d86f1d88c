"""How PostgreSQL answers the questions of a page: EXPLAIN of each one that was asked."""

import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from django.db import connection

BIG = {"calls_call", "calls_leg", "calls_callparty", "calls_callnote", "contacts_contact", "contacts_contactnumber"}
READS, WRITES = ("select", "with"), ("update", "insert")  # a write is never run for its plan


def tables_read_whole(statements: Iterable[str], big: Collection[str] = frozenset(BIG)) -> dict[str, str]:
    """Of the `big` tables those that are read from end to end -> the statement that does so."""
    found: dict[str, str] = {}
    for statement in statements:
        for node in _nodes(plan_of(statement)):
            if "Seq Scan" in str(node.get("Node Type")) and node.get("Relation Name") in big:
                found[str(node["Relation Name"])] = statement
    return found


def worst_nodes(statements: Iterable[str]) -> tuple[set[str], str]:
    """(big tables read whole, the node that takes longest of all, itself alone)"""
    whole, dearest, longest = set[str](), "", -1.0
    for statement in statements:
        for node in _nodes(plan_of(statement, run=True)):
            if "Seq Scan" in str(node.get("Node Type")) and node.get("Relation Name") in BIG:
                whole.add(str(node["Relation Name"]))
            children = sum(_time(child) for child in node.get("Plans", ()))
            if (alone := _time(node) - children) > longest:
                where = node.get("Index Name") or node.get("Relation Name") or ""
                longest, dearest = alone, f"{alone:.1f} ms {node['Node Type']} {where}"
    return whole, dearest


def plan_of(statement: str, *, run: bool = False) -> dict[str, Any]:
    """The root node; empty for what cannot be explained. A setting that stood between the questions is set again."""
    if statement.startswith("set local "):
        with connection.cursor() as cursor:
            cursor.execute(statement.replace("set local", "set", 1))
    if not statement.lstrip("( \n").lower().startswith(READS if run else READS + WRITES):
        return {}
    if "%(" in statement:  # prepared, and seen without its values: the number look-up, whose plan has a test of its own
        return {}
    with connection.cursor() as cursor:
        cursor.execute(f"explain ({'analyze, ' if run else ''}format json) {statement}")
        told = cursor.fetchone()[0]
    return dict((json.loads(told) if isinstance(told, str) else told)[0]["Plan"])


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if node:
        yield node
        for child in node.get("Plans", ()):
            yield from _nodes(child)


def _time(node: dict[str, Any]) -> float:
    return float(node.get("Actual Total Time", 0.0)) * float(node.get("Actual Loops", 1))
