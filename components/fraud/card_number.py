"""Whether a card number can be one: digits, length of its brand, checksum. It is kept nowhere."""

from __future__ import annotations

import re
from functools import cache

from pydantic import TypeAdapter, ValidationError
from pydantic_extra_types.payment import PaymentCardNumber


def is_card_number(written: str) -> bool:
    """Whether a number, written with or without spaces and hyphens, passes every check.

    12 to 19 digits, the length that its brand has, and the check digit of ISO/IEC 7812-1 (Luhn).
    """
    try:
        _checker().validate_python(re.sub(r"[ -]", "", written))
    except ValidationError:
        return False
    return True


@cache
def _checker() -> TypeAdapter[PaymentCardNumber]:
    return TypeAdapter(PaymentCardNumber)
