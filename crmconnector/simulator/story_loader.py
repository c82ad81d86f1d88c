"""Reads a story file strictly: a wrong file is answered with one sentence that says where, what and what to write."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from crmconnector.simulator.profiles import PROFILES
from crmconnector.simulator.story import Group, IncomingScene, OutgoingScene, Queue, Scene, Story

ROLES = ("agent", "supervisor", "administrator")
OUTCOMES = ("answer", "busy", "no_answer", "not_found")
DEEDS = ("answer", "reject")
SCENE_KINDS: dict[str, type[Any]] = {"incoming": IncomingScene, "outgoing": OutgoingScene}


class StoryError(Exception):
    """The story file is wrong; the text is a sentence for whoever wrote it."""


def load_story(path: Path) -> Story:
    """Read and check a story file. Raises StoryError."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoryError(f"The story file {path.name} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise StoryError(f"The story file {path.name} is not JSON: {error}.") from error
    return read_story(raw)


def read_story(raw: object) -> Story:
    """Turn parsed JSON into a Story. Raises StoryError."""
    story: Story = _read(Story, raw, "story")
    for check in CHECKS:
        check(story)
    return story


def _read(kind: Any, raw: object, where: str) -> Any:
    if kind == Scene:
        return _read_scene(raw, where)
    if isinstance(kind, type) and is_dataclass(kind):
        return _read_record(kind, raw, where)
    origin = get_origin(kind)
    if origin is tuple:
        return _read_list(get_args(kind), raw, where)
    if origin in (types.UnionType, Union):
        inner = next(arm for arm in get_args(kind) if arm is not types.NoneType)
        return None if raw is None else _read(inner, raw, where)
    return _read_plain(kind, raw, where)


def _read_scene(raw: object, where: str) -> Any:
    kind = raw.get("kind") if isinstance(raw, dict) else None
    record = SCENE_KINDS.get(kind) if isinstance(kind, str) else None
    if record is None:
        raise StoryError(f"{where}.kind is {kind!r}; write one of: {', '.join(SCENE_KINDS)}.")
    return _read_record(record, raw, where)


def _read_record(kind: type[Any], raw: object, where: str) -> Any:
    if not isinstance(raw, dict):
        raise StoryError(f"{where} must be an object with keys, not {_named(raw)}.")
    known: dict[str, Field[Any]] = {field.name: field for field in fields(kind)}
    for key in raw:
        if key not in known:
            raise StoryError(f"{where} has the key {key!r}, which means nothing; known are: {', '.join(known)}.")
    hints = get_type_hints(kind)
    values = {}
    for name, field in known.items():
        if name in raw:
            values[name] = _read(hints[name], raw[name], f"{where}.{name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise StoryError(f"{where} lacks the key {name!r}.")
    return kind(**values)


def _read_list(arms: tuple[Any, ...], raw: object, where: str) -> tuple[Any, ...]:
    if not isinstance(raw, list):
        raise StoryError(f"{where} must be a list, not {_named(raw)}.")
    if arms[-1] is Ellipsis:
        return tuple(_read(arms[0], item, f"{where}[{index}]") for index, item in enumerate(raw))
    if len(raw) != len(arms):
        raise StoryError(f"{where} must have {len(arms)} values, not {len(raw)}.")
    low, high = (_read(arm, item, f"{where}[{index}]") for index, (arm, item) in enumerate(zip(arms, raw, strict=True)))
    if low > high:
        raise StoryError(f"{where} runs backwards: the first number must not be greater than the second.")
    return low, high


def _read_plain(kind: type[Any], raw: object, where: str) -> Any:
    if kind is float and isinstance(raw, int | float) and not isinstance(raw, bool):
        if raw < 0:
            raise StoryError(f"{where} is {raw}; a time cannot be negative.")
        return float(raw)
    if isinstance(raw, kind) and not (kind is int and isinstance(raw, bool)):
        return raw
    raise StoryError(f"{where} must be {_wanted(kind)}, not {_named(raw)}.")


def _wanted(kind: type[Any]) -> str:
    return {str: "text", int: "a whole number", float: "a number", bool: "true or false"}[kind]


def _named(raw: object) -> str:
    """What was found, by kind and never by value: the value may be a passcode."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(raw), "null")


def _one_of(value: str, allowed: Iterable[str], where: str) -> None:
    choices = sorted(allowed)
    if value not in choices:
        raise StoryError(f"{where} is {value!r}; write one of: {', '.join(choices)}.")


def _no_twins(values: Iterable[object], what: str) -> None:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise StoryError(f"Two {what} are {value!r}; each must be different.")
        seen.add(value)


def _check_people(story: Story) -> None:
    if not story.people:
        raise StoryError("story.people is empty; the first person is the one who signs in.")
    _no_twins((person.username for person in story.people), "usernames")
    for index, person in enumerate(story.people):
        _one_of(person.role, ROLES, f"story.people[{index}].role")
        if person.extension is not None:
            _one_of(person.extension, _extensions(story), f"story.people[{index}].extension")


def _check_phones(story: Story) -> None:
    _no_twins((phone.extension for phone in story.phones), "extensions of phones")
    _no_twins((phone.port_offset for phone in story.phones), "port offsets")
    _no_twins((phone.mac for phone in story.phones), "MAC addresses")
    for index, phone in enumerate(story.phones):
        _one_of(phone.profile, PROFILES, f"story.phones[{index}].profile")
        if len(phone.mac) != 12 or any(sign not in "0123456789ABCDEF" for sign in phone.mac):
            raise StoryError(f"story.phones[{index}].mac must be 12 digits 0-9 A-F.")


def _check_pbx(story: Story) -> None:
    endpoints = [trunk.endpoint for trunk in story.pbx.trunks]
    for index, line in enumerate(story.pbx.lines):
        _one_of(line.trunk, endpoints, f"story.pbx.lines[{index}].trunk")
        _one_of(line.target, _targets(story), f"story.pbx.lines[{index}].target")
    _no_twins((line.number for line in story.pbx.lines), "line numbers")
    for team in _teams(story):
        for member in team.members:
            _one_of(member, _extensions(story), f"The members of {team.extension} in story.pbx")


def _check_scenes(story: Story) -> None:
    _no_twins((scene.name for scene in story.scenes), "scene names")
    for index, scene in enumerate(story.scenes):
        where = f"story.scenes[{index}]"
        if isinstance(scene, OutgoingScene):
            _one_of(scene.extension, _extensions(story), f"{where}.extension")
            _one_of(scene.far_end.outcome, OUTCOMES, f"{where}.far_end.outcome")
            continue
        _one_of(scene.line, [line.number for line in story.pbx.lines], f"{where}.line")
        if scene.target is not None:
            _one_of(scene.target, _targets(story), f"{where}.target")
        for colleague in scene.colleagues:
            _one_of(colleague.extension, _extensions(story), f"{where}.colleagues.extension")
            _one_of(colleague.deed, DEEDS, f"{where}.colleagues.deed")


def _check_far_ends(story: Story) -> None:
    _one_of(story.far_end_default.outcome, OUTCOMES, "story.far_end_default.outcome")
    for index, end in enumerate(story.far_ends):
        _one_of(end.outcome, OUTCOMES, f"story.far_ends[{index}].outcome")
        if not end.number:
            raise StoryError(f"story.far_ends[{index}] lacks the key 'number'.")


def _extensions(story: Story) -> list[str]:
    return [phone.extension for phone in story.phones]


def _targets(story: Story) -> list[str]:
    return [*_extensions(story), *(team.extension for team in _teams(story))]


def _teams(story: Story) -> list[Queue | Group]:
    return [*story.pbx.queues, *story.pbx.groups]


CHECKS: tuple[Callable[[Story], None], ...] = (
    _check_phones,
    _check_people,
    _check_pbx,
    _check_scenes,
    _check_far_ends,
)
