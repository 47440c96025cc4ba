"""A model that takes too long is left out, and holds up nobody while it is busy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as TooLong

import pytest

from serving.common.budget import Budget, LateError


def test_without_a_budget_the_caller_works_itself() -> None:
    assert Budget().call("m", threading.get_ident) == threading.get_ident()


def test_an_answer_in_time_is_given() -> None:
    budget = Budget(60_000)
    assert budget.call("m", lambda: 7) == 7
    assert budget.call("m", threading.get_ident) != threading.get_ident()


def test_what_the_model_raises_is_raised() -> None:
    def fail() -> int:
        raise TooLong("the model's own")

    with pytest.raises(TooLong, match="own"):
        Budget(60_000).call("m", fail)


def test_a_late_model_is_not_asked_again_until_it_has_ended(
    eventually: Callable[..., None],
) -> None:
    budget, asked, go_on = Budget(1), [], threading.Event()

    def slow() -> int:
        asked.append(1)
        go_on.wait()
        return 1

    for _ in range(3):
        with pytest.raises(LateError):
            budget.call("slow", slow)
    assert len(asked) == 1
    budget.milliseconds = 60_000
    assert budget.call("other", lambda: 2) == 2, "another model has a thread of its own"
    go_on.set()
    eventually(lambda: budget._late["slow"].done(), "the end of the late call")
    assert budget.call("slow", slow) == 1


def test_threads_of_models_that_are_gone_are_let_go() -> None:
    budget = Budget(60_000)
    for key in ("a", "b"):
        budget.call(key, lambda: 0)
    budget.keep({"b"})
    assert set(budget._threads) == {"b"}
