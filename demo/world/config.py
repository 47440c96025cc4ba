"""What one synthetic company looks like: sizes, dates, and how much of it is fraud."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from components.common.errors import bad_input

DAY = 86_400_000_000
"""Microseconds of a day."""
HOUR = DAY // 24
MINUTE = HOUR // 60
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class WorldConfig:
    """Sizes and dates of a synthetic company; the same values give the same bytes."""

    users: int = 2_000
    merchants: int = 300
    days: int = 90
    seed: int = 7
    start: date = date(2025, 1, 1)
    """First day, in `timezone`."""
    drift_from: date | None = None
    """First day of the drift: prices rise and a new fraud pattern appears. None: never."""
    timezone: str = "Asia/Seoul"
    payments_per_day: float = 2.0
    """Mean number of payments of a user in a day."""
    fraud_share: float = 0.006
    """Share of fraudulent payments from the four patterns that are always there."""
    drift_fraud_share: float = 0.010
    """Share of payments, from the drift on, that the new pattern adds."""
    price_rise: float = 0.3
    """Rise of all prices from the drift on."""
    loans_per_user: float = 3.0
    """Mean number of loans that a user has asked for since a year before the first day."""
    outcome_delay_days: float = 7.0
    """Median of the time until an outcome becomes known."""

    def __post_init__(self) -> None:
        for name, least, most in (
            ("users", 10, 5_000_000),
            ("merchants", 10, 1_000_000),
            ("days", 2, 3_660),
            ("seed", 0, 2**63),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise bad_input(
                    "world_size", f"{name} must lie between {least} and {most}, but is {value}."
                )
        if self.drift_from is not None and not self.start < self.drift_from < self.end:
            raise bad_input(
                "world_drift",
                f"The drift must begin after the first day {self.start} and before {self.end}, "
                f"but {self.drift_from} was given.",
            )

    @property
    def end(self) -> date:
        """First day after the last one."""
        return self.start + timedelta(days=self.days)

    @property
    def first_instant(self) -> int:
        """Midnight before the first day, microseconds since 1970 UTC."""
        return microseconds(self.start, self.timezone)

    @property
    def end_instant(self) -> int:
        """Midnight after the last day, microseconds since 1970 UTC."""
        return microseconds(self.end, self.timezone)

    @property
    def drift_instant(self) -> int:
        """Midnight at which the drift begins; after every payment where there is none."""
        return microseconds(self.drift_from or self.end, self.timezone)


def microseconds(day: date, timezone: str) -> int:
    """Midnight before a local day, as microseconds since 1970 UTC."""
    midnight = datetime.combine(day, time(), ZoneInfo(timezone))
    return (midnight - EPOCH) // timedelta(microseconds=1)
