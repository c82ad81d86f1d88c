"""Which key sequence a command is, with the lines that its calls are on. See `phones.sequences_catalogue`."""

from collections.abc import Callable, Mapping
from typing import Final

from crmconnector.calls.models import CommandKind, CommandState
from crmconnector.calls.services import Outcome
from phones.sequences import HELD, TALKING, Sequence
from phones.sequences_catalogue import (
    NAMED,
    attended_cancel,
    attended_complete,
    attended_start,
    blind_transfer,
    conference,
    tones,
)
from tasks.phone_scene import BEGUN, UP, Misfit, Scene

NOT_FOR_KEYS: Final = Outcome(
    CommandState.REFUSED, "number_not_for_keys", "This number cannot be entered by the phone's keys. Nothing was sent."
)


def _blind(scene: Scene) -> Sequence:
    return blind_transfer(scene.own(TALKING), _target(scene))


def _start(scene: Scene) -> Sequence:
    return attended_start(scene.own(UP), _target(scene), scene.grant.command.account)


def _complete(scene: Scene) -> Sequence:
    own = scene.own(HELD)
    return attended_complete(own, scene.other(own, TALKING))


def _cancel(scene: Scene) -> Sequence:
    """When the second call has ended by itself only the caller is taken back."""
    own = scene.own(UP)
    if not any(line.state in BEGUN for line in scene.lines if line.line != own):
        return NAMED["swap"](own)
    return attended_cancel(own, scene.other(own, BEGUN))


def _conference(scene: Scene) -> Sequence:
    own = scene.own(HELD)
    return conference(own, scene.other(own, TALKING))


def _tones(scene: Scene) -> Sequence:
    return tones(scene.own(TALKING), scene.grant.command.digits)


def _keys(scene: Scene) -> Sequence:
    name = scene.grant.command.sequence
    if name not in NAMED:
        raise Misfit(Outcome(CommandState.REFUSED, "no_such_keys", "There are no keys of this name. Nothing was sent."))
    return NAMED[name](scene.own(UP))


def _target(scene: Scene) -> str:
    return scene.grant.command.dial_string or scene.grant.command.far_number


def _for_keys(build: Callable[[Scene], Sequence]) -> Callable[[Scene], Sequence]:
    """What cannot be keyed is refused before anything is sent."""

    def built(scene: Scene) -> Sequence:
        try:
            return build(scene)
        except ValueError:
            raise Misfit(NOT_FOR_KEYS) from None

    return built


PLANS: Final[Mapping[str, Callable[[Scene], Sequence]]] = {
    CommandKind.BLIND_TRANSFER: _for_keys(_blind),
    CommandKind.ATTENDED_START: _start,
    CommandKind.ATTENDED_COMPLETE: _complete,
    CommandKind.ATTENDED_CANCEL: _cancel,
    CommandKind.CONFERENCE: _conference,
    CommandKind.DTMF: _for_keys(_tones),
    CommandKind.KEYS: _keys,
}
