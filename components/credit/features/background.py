"""What a person says of themselves, and what the bureau says of them.

A row stands at the first local midnight after something was told and holds until the next one,
however old it is: nobody tells their income every week. As of the midnight, because that is when
the service learns of it, too.
"""

from __future__ import annotations

from components.common.features import Feature, FeatureTable

PROFILE, BUREAU = "credit_profile", "credit_bureau"

EDUCATION = {
    "none": 0,
    "primary": 1,
    "secondary": 2,
    "high school": 2,
    "college": 3,
    "vocational": 3,
    "bachelor": 4,
    "university": 4,
    "graduate": 5,
    "master": 5,
    "doctorate": 6,
}
"""Level of education → its rank; a word that is not here is as good as none said."""

EDUCATION_RANK = (
    "CASE lower(trim(replace(education_level, '_', ' '))) "
    + " ".join(f"WHEN '{word}' THEN {rank}" for word, rank in EDUCATION.items())
    + " END"
)

CREDIT_PROFILE = FeatureTable(
    name=PROFILE,
    entity="user_id",
    description="What a person has said of themselves, as of each local midnight after they did",
    features=(
        Feature("annual_income", PROFILE, "currency units per year", "Income", "annual_income"),
        Feature("employment_months", PROFILE, "months", "Time in employment", "employment_months"),
        Feature(
            "education_level",
            PROFILE,
            "rank",
            "Highest education, from 0 (none) to 6 (doctorate)",
            EDUCATION_RANK,
        ),
        Feature("birth_year", PROFILE, "year", "Year of birth", "birth_year"),
    ),
    cadence="change",
)

CREDIT_BUREAU = FeatureTable(
    name=BUREAU,
    entity="user_id",
    description="What the credit bureau has reported, as of each local midnight after it did",
    features=(
        Feature("bureau_score", BUREAU, "points", "Score of the credit bureau", "bureau_score"),
        Feature("existing_loans", BUREAU, "loans", "Open loans", "existing_loans"),
        Feature("debt_to_income", BUREAU, "ratio", "Debt over annual income", "debt_to_income"),
    ),
    cadence="change",
)
