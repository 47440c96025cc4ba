"""Parts of what is asked and answered that every domain has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Reason(BaseModel):
    """One reason for what was decided."""

    code: str = Field(description="Stable name of the reason", examples=["AMOUNT_UNUSUAL"])
    text_en: str = Field(description="The reason in English")
    text_ko: str = Field(description="The reason in Korean")


class Answerer(BaseModel):
    """The model version that answered."""

    model_config = ConfigDict(protected_namespaces=())

    name: str = Field(examples=["fraud-xgboost"])
    version: str = Field(examples=["3"])
    digest: str = Field(description="Digest of the sealed files of this version")
    arm: Literal["champion", "challenger"]
