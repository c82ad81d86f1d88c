"""Every reason for which a command may be refused has a sentence: what happened, why, and what to do."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from crmconnector.calls.verbs import VERBS, Ground, troubles_of
from crmconnector.calls.wanted import _PASSCODE, _WRONG_STATE
from crmconnector.web.command_words import WHY_NOT

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    {
        *ROOT.glob("crmconnector/calls/*.py"),
        *ROOT.glob("crmconnector/web/*_acts.py"),
        *ROOT.glob("tasks/p*_*.py"),
        ROOT / "tasks/call_control.py",
    }
)
# Where the code stands among the arguments; the sentence is the next one.
SAYS = {"CommandProblem": 0, "DialProblem": 0, "NoDial": 0, "Brake": 0, "NotDone": 0, "Outcome": 1}
WHAT_TO_DO = re.compile(
    r"(?i)\b(use|press|wait|write|type|choose|reload|dial|ask|administrator|look|answer|put|take|try|confirm|read|call"
    r"|again|nothing (was sent|changed|to do)|do not allow it|emergency numbers still work|may or may not)\b"
)


def said() -> Iterator[tuple[str, str, str]]:
    """(where, code, the words) of each refusal that the sources write out; words of a variable are not seen here."""
    for path in SOURCES:
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SAYS:
                place = SAYS[node.func.id]
                if len(node.args) <= place or not isinstance(code := node.args[place], ast.Constant) or not code.value:
                    continue
                sentence = node.args[place + 1] if len(node.args) > place + 1 else None
                yield f"{path.name}:{node.lineno}", str(code.value), words_in(sentence, module)


def words_in(node: ast.expr | None, module: ModuleType) -> str:
    """The texts that an expression puts together, names of the module among them. A name of the function itself says
    nothing here: "?"."""
    if node is None:
        return ""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Name):
        return str(getattr(module, node.id, "?"))
    if isinstance(node, ast.Call):
        return " ".join(words_in(one, module) for one in node.args) or "?"
    return " ".join(words_in(one, module) for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr))


REFUSALS = list(said())


def test_the_walk_sees_what_it_is_to_see() -> None:
    codes = {code for _, code, _ in REFUSALS}
    assert len(codes) > 35
    assert {"not_assigned", "premium", "feature_code", "too_late", "no_list", "confirm", "rules_changed"} <= codes


@pytest.mark.parametrize(("where", "code", "words"), REFUSALS, ids=[f"{code}-{where}" for where, code, _ in REFUSALS])
def test_a_refusal_says_what_to_do(where: str, code: str, words: str) -> None:
    assert words, f"{where}: {code} has no sentence"
    if "?" in words or words == code or words in WHY_NOT:
        return  # made of other sentences, which are looked at by themselves
    assert len(words) > 15 and words.rstrip()[-1] in ".%)s", words
    assert WHAT_TO_DO.search(words), f"{where}: {code}: {words}"
    assert not re.search(r"(?i)\b(please|successfully|error|invalid)\b", words), words


@pytest.mark.parametrize("code", sorted(WHY_NOT))
def test_a_button_that_cannot_be_pressed_says_why(code: str) -> None:
    assert str(WHY_NOT[code]).endswith(".")


@pytest.mark.parametrize("kind", sorted(VERBS))
def test_whatever_is_in_the_way_of_a_verb_has_words(kind: str) -> None:
    everything = {"phone_verbs": [row.phone for row in VERBS.values()], "calibrated": [VERBS[kind].phone],
                  "pbx_actions": VERBS[kind].pbx, "snippet": True}  # fmt: skip
    grounds = [Ground(), Ground(pbx_linked=False), Ground(**{**everything, "phone_answers": False}),
               Ground(**{**everything, "calibrated": ()}), Ground(**{**everything, "snippet": False})]  # fmt: skip
    troubles = {trouble for ground in grounds for trouble in troubles_of(kind, ground).values()} - {""}
    assert troubles and troubles <= set(WHY_NOT)
    assert not any(troubles_of(kind, Ground(**everything)).values())


@pytest.mark.parametrize(("code", "sentence"), [*sorted(set(_WRONG_STATE.values())), _PASSCODE])
def test_a_call_that_went_on_meanwhile_is_said(code: str, sentence: str) -> None:
    assert WHAT_TO_DO.search(sentence) and sentence.endswith("."), code
