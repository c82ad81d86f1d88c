"""Secrets at rest and in hand: encryption of short texts, and a wrapper that does not show what it holds.

    SecretError                  nothing in the text or the arguments ever holds a secret
    ├── KeyUnusable              a key is missing or malformed: cure the settings
    ├── TokenUnreadable          no key opens this token: the key was lost or the row was damaged; enter it again
    └── TextUnusable             this text cannot be kept: too long, or not text

Phones and PBXs want the plain passcode, so a one-way hash is no use here; Fernet keeps it readable for us only.
Several keys make rotation possible: the first encrypts, all of them decrypt.
"""

import hmac
from collections.abc import Sequence
from typing import Final, NoReturn, SupportsIndex

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

MASK: Final = "••••"
LONGEST_TEXT: Final = 4096  # characters; a passcode, a PBX secret or an API key is far shorter


class SecretError(Exception):
    """A secret could not be kept or opened."""


class KeyUnusable(SecretError):
    """A key is missing or is not 32 bytes in URL-safe base64."""


class TokenUnreadable(SecretError):
    """No key we have opens this token."""


class TextUnusable(SecretError):
    """This text cannot be encrypted."""


class Secret:
    """A text that shows itself only when asked by name: `secret.reveal()`.

    Printing, formatting, logging and serialising give `••••` or fail, so a secret cannot slip out by an f-string, a
    debug page or a task argument. It is true when it is not empty.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The plain text. Call it where it goes on the wire, and nowhere before."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return self.reveal() != ""

    # Having __eq__ and no __hash__, it cannot be hashed, and shall not be: a hash of a short passcode is guessed back.
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self.reveal()), _bytes(other.reveal()))

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("A Secret does not travel: send the id of its row instead.")


class Cipher:
    """Encrypts and decrypts short texts. `keys`: URL-safe base64 of 32 bytes each; the first one encrypts."""

    def __init__(self, keys: Sequence[str]) -> None:
        ring = [_fernet(key) for key in keys]
        if not ring:
            raise KeyUnusable("No encryption key is set: give at least one.")
        self._newest = ring[0]
        self._ring = MultiFernet(ring)

    def encrypt(self, text: str) -> str:
        """Token of a text; two calls give two tokens."""
        if len(text) > LONGEST_TEXT:
            raise TextUnusable(f"The text is longer than {LONGEST_TEXT} characters.")
        return self._ring.encrypt(_bytes(text)).decode("ascii")

    def decrypt(self, token: str) -> str:
        plain = _opened(self._ring, token)
        if plain is None:
            raise TokenUnreadable("No key opens this secret: restore the old key, or enter the secret again.")
        return plain.decode("utf-8", "surrogatepass")

    def rotate(self, token: str) -> str:
        """The same text under the newest key."""
        return self.encrypt(self.decrypt(token))

    def needs_rotation(self, token: str) -> bool:
        """Whether an older key is still needed for this token. An unreadable token raises TokenUnreadable."""
        if _opened(self._newest, token) is not None:
            return False
        self.decrypt(token)
        return True


def new_key() -> str:
    """A fresh random key for the settings."""
    return Fernet.generate_key().decode("ascii")


def _fernet(key: str) -> Fernet:
    try:
        return Fernet(key)
    except (ValueError, TypeError):
        pass
    # Raised outside the except block: the foreign error must not ride along as context.
    raise KeyUnusable("An encryption key is malformed: it must be 32 random bytes in URL-safe base64.")


def _opened(ring: Fernet | MultiFernet, token: str) -> bytes | None:
    try:
        return ring.decrypt(token.encode("ascii"))
    except (InvalidToken, UnicodeEncodeError):
        return None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # a lone surrogate is a silly passcode, not a crash
