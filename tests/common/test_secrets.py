"""Secrets at rest and in hand."""

import copy
import json
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmconnector.common.secrets import (
    MASK,
    Cipher,
    KeyUnusable,
    Secret,
    SecretError,
    TextUnusable,
    TokenUnreadable,
    new_key,
)

OLD, NEW = new_key(), new_key()


@given(st.text(max_size=200))
def test_what_is_encrypted_comes_back_and_is_not_to_be_seen(text: str) -> None:
    cipher = Cipher([NEW])
    token = cipher.encrypt(text)
    assert cipher.decrypt(token) == text
    assert token.isascii()
    assert len(text) < 8 or text not in token


def test_two_tokens_of_one_text_differ() -> None:
    assert Cipher([NEW]).encrypt("1234") != Cipher([NEW]).encrypt("1234")


def test_a_lone_surrogate_is_kept_and_not_a_crash() -> None:
    cipher = Cipher([NEW])
    assert cipher.decrypt(cipher.encrypt("a\ud800b")) == "a\ud800b"


def test_an_old_key_still_opens_and_the_new_one_seals() -> None:
    token = Cipher([OLD]).encrypt("1234")
    both = Cipher([NEW, OLD])
    assert both.decrypt(token) == "1234"
    assert both.needs_rotation(token)
    rotated = both.rotate(token)
    assert not both.needs_rotation(rotated)
    assert Cipher([NEW]).decrypt(rotated) == "1234"


@pytest.mark.parametrize("token", ["", "CANARY", "CANARY-é", "gAAAAA" + "A" * 100, "\ud800"])
def test_a_token_no_key_opens_is_its_own_error_and_shows_nothing(token: str) -> None:
    for deed in (Cipher([NEW]).decrypt, Cipher([NEW]).rotate, Cipher([NEW]).needs_rotation):
        with pytest.raises(TokenUnreadable) as caught:
            deed(token)
        assert_silent(caught.value)


def test_a_token_of_a_lost_key_or_with_a_changed_byte_is_refused() -> None:
    token = Cipher([OLD]).encrypt("1234")
    changed = token[:20] + ("A" if token[20] != "A" else "B") + token[21:]
    for keys, text in (([NEW], token), ([OLD], changed)):
        with pytest.raises(TokenUnreadable):
            Cipher(keys).decrypt(text)


@pytest.mark.parametrize("keys", [[], ["CANARY"], [""], [NEW, "CANARY"], ["é" * 44], [NEW[:-2]]], ids=range(6))
def test_a_malformed_key_is_refused_without_showing_it(keys: list[str]) -> None:
    with pytest.raises(KeyUnusable) as caught:
        Cipher(keys)
    assert_silent(caught.value)


def test_an_endless_text_is_refused_without_showing_it() -> None:
    with pytest.raises(TextUnusable) as caught:
        Cipher([NEW]).encrypt("CANARY" * 1000)
    assert_silent(caught.value)


def assert_silent(error: SecretError) -> None:
    assert error.__cause__ is None
    assert error.__context__ is None
    shown = traceback.format_exception_only(error)
    assert "CANARY" not in "".join(shown) + repr(error)


def test_a_cipher_shows_no_key() -> None:
    assert NEW not in repr(Cipher([NEW])) + str(vars(Cipher([NEW])))


def test_a_secret_shows_itself_only_when_asked_by_name() -> None:
    secret = Secret("CANARY")
    forms = [str(secret), repr(secret), f"{secret}", f"{secret:>40}", f"{secret!r}", "%s" % secret, repr([secret])]  # noqa: UP031
    assert all("CANARY" not in form and MASK in form for form in forms)
    assert secret.reveal() == "CANARY"


def test_a_secret_does_not_travel() -> None:
    for deed in (json.dumps, pickle.dumps, iter, hash):
        with pytest.raises(TypeError) as caught:
            deed(Secret("CANARY"))  # type: ignore[operator]
        assert "CANARY" not in str(caught.value)


def test_a_secret_may_be_compared_copied_and_asked_whether_there_is_one() -> None:
    secret = Secret("1234")
    assert secret == Secret("1234")
    assert secret != Secret("123")
    assert secret != "1234"
    assert copy.deepcopy([secret]) == [secret]
    assert copy.copy(secret) is secret
    assert bool(secret)
    assert not Secret("")
