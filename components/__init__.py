"""What we know: pure logic, models, and the KFP steps that wrap them."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from components.common.domain import Domain, ModelSpec
from components.common.errors import bad_input


@cache
def domains() -> tuple[Domain, ...]:
    """Every domain of the house: each package beside `common` that declares `DOMAIN`."""
    found = [
        import_module(f"components.{module.name}").DOMAIN
        for module in pkgutil.iter_modules(__path__)
        if module.ispkg and module.name != "common"
    ]
    return tuple(sorted(found, key=lambda domain: domain.name))


def only_model(name: str) -> str:
    """The name of a domain's only model where `name` is that domain's; else `name` as it is."""
    models = {domain.name: domain.models for domain in domains()}.get(name, ())
    return models[0].name if len(models) == 1 else name


def find_model(name: str) -> tuple[Domain, ModelSpec]:
    """The model of that name with its domain; a clear sentence where there is none.

    The name of a domain stands for its only model.
    """
    name = only_model(name)
    every = {model.name: (domain, model) for domain in domains() for model in domain.models}
    if name not in every:
        known = ", ".join(sorted(every))
        raise bad_input(
            "unknown_model", f"There is no model named {name!r}; choose one of: {known}."
        )
    return every[name]


def find_domain(name: str) -> Domain:
    """The domain of that name; a clear sentence where there is none."""
    every = {domain.name: domain for domain in domains()}
    if name not in every:
        known = ", ".join(sorted(every))
        raise bad_input(
            "unknown_domain", f"There is no domain named {name!r}; choose one of: {known}."
        )
    return every[name]
