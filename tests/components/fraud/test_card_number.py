"""Card numbers, of the brands that publish test numbers."""

from __future__ import annotations

import pytest

from components.fraud.card_number import is_card_number


@pytest.mark.parametrize(
    "written",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "5555-5555-5555-4444",
        "378282246310005",
        "6011111111111117",
        "30569309025904",
        "3530111333300000",
    ],
)
def test_numbers_that_can_be(written: str) -> None:
    assert is_card_number(written)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "0",
        "4111111111111112",
        "4111111111111",
        "41111111111111111111",
        "not a number",
        "４１１１",
    ],
)
def test_numbers_that_cannot(written: str) -> None:
    assert not is_card_number(written)


@pytest.mark.parametrize("place", range(16))
def test_one_wrong_digit_is_always_seen(place: int) -> None:
    digits = list("5555555555554444")
    for wrong in set("0123456789") - {digits[place]}:
        changed = [*digits[:place], wrong, *digits[place + 1 :]]
        assert not is_card_number("".join(changed))
