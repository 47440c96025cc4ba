"""Universal Binary JSON, as XGBoost writes its models: https://ubjson.org, draft 12."""

from __future__ import annotations

from typing import Any

import numpy as np

_NUMBERS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
"""Marker → type of a number."""
_WORDS = {"Z": None, "T": True, "F": False}


def read_ubjson(content: bytes) -> Any:
    """The value of a document; an array of numbers of one type is a NumPy array.

    Raises `ValueError` where the content is no such document.
    """
    try:
        return _Reader(content).value()
    except (IndexError, KeyError, TypeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError("the content is no Universal Binary JSON") from error


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def value(self, marker: str = "") -> Any:
        marker = marker or self._marker()
        if marker == "{":
            return self._object()
        if marker == "[":
            return self._array()
        if marker == "S":
            return self._text()
        return _WORDS[marker] if marker in _WORDS else self._number(marker)

    def _object(self) -> dict[str, Any]:
        found = {}
        while not self._next_is("}"):
            key = self._text()
            found[key] = self.value()
        return found

    def _array(self) -> Any:
        kind = self._marker() if self._next_is("$") else ""
        if not self._next_is("#"):
            found = []
            while not self._next_is("]"):
                found.append(self.value())
            return found
        count = self.value()
        if kind not in _NUMBERS:
            return [self.value(kind) for _ in range(count)]
        numbers = np.frombuffer(self._content, _NUMBERS[kind], count, self._at)
        self._at += numbers.nbytes
        return numbers.astype(numbers.dtype.newbyteorder("="))

    def _text(self) -> str:
        return self._take(self.value()).decode()

    def _number(self, marker: str) -> Any:
        kind = np.dtype(_NUMBERS[marker])
        return np.frombuffer(self._take(kind.itemsize), kind)[0].item()

    def _marker(self) -> str:
        return chr(self._take(1)[0])

    def _next_is(self, marker: str) -> bool:
        """Whether this marker comes next; it is passed over then."""
        found = self._content[self._at] == ord(marker)
        self._at += found
        return found

    def _take(self, count: int) -> bytes:
        taken = self._content[self._at : self._at + count]
        if len(taken) != count:
            raise IndexError("the content ends early")
        self._at += count
        return taken
