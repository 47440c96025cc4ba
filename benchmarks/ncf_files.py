"""The files of a leave-one-out test: pairs to learn from, and one later choice of each customer.

Both are CSV, TSV, a text with another separator, or parquet, with or without a header:

- train: `user`, `item`, and if they are there `rating` (not used) and `timestamp` (any number or
  date that grows; what came last is known then). Without a header, in this order.
- test: `user`, `item`, `negatives`: the merchants that the item is ranked among, as a list, as a
  text of numbers with anything between them, or as one column each. The layout of the authors of
  NCF, a first column `(user,item)` and then a column for each negative, is read too.

Names of columns may be those of MovieLens (`userId`, `movieId`). Without a `timestamp` the order
is not known and not guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from components.common.errors import bad_input
from components.recommendation.leave_one_out import NEGATIVES, never_chosen
from components.recommendation.pairs import Pairs

if TYPE_CHECKING:
    import pandas as pd

USER, ITEM, RATING, TIME, OTHERS = "user", "item", "rating", "timestamp", "negatives"
_NAMES = {
    "user_id": USER, "userid": USER, "uid": USER, "customer": USER, "customer_id": USER,
    "item_id": ITEM, "itemid": ITEM, "iid": ITEM, "movieid": ITEM, "movie_id": ITEM,
    "movie": ITEM, "merchant": ITEM, "merchant_id": ITEM, "positive": ITEM,
    "time": TIME, "ts": TIME, "event_timestamp": TIME, "date": TIME,
    "negative": OTHERS, "negs": OTHERS, "negative_items": OTHERS, "neg_items": OTHERS,
}  # fmt: skip
_BETWEEN = re.compile(r"[^\w.+\-]+")
_QUOTED = re.compile(r'\(.*?\)|\[.*?\]|".*?"')
"""What may hold a separator that separates nothing."""
_DAY = 86_400.0
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Trial:
    """Pairs to learn from, and who is tested on what; by numbers from 0."""

    pairs: Pairs
    users: Ints
    """[n] who is tested."""
    items: Ints
    """[n, 1 + negatives] the later choice first. Rows with fewer negatives repeat their last."""


def read_trial(train: Path, test: Path) -> Trial:
    """The trial of two files.

    Raises `FinloopError("unreadable_file")` or `("missing_columns")` with what to do.
    """
    pairs, later = _table(train, "user and item"), _tested(test)
    of_users, of_items = _texts(pairs[USER]), _texts(pairs[ITEM])
    known = [*later[ITEM], *(one for row in later[OTHERS] for one in row)]
    users, items = (
        {name: at for at, name in enumerate(dict.fromkeys([*told, *more]))}
        for told, more in ((of_users, later[USER]), (of_items, known))
    )
    most = max(map(len, later[OTHERS]))
    numbers = [
        [items[one], *(items[other] for other in others)]
        + [items[others[-1]]] * (most - len(others))
        for one, others in zip(later[ITEM], later[OTHERS], strict=True)
    ]
    return Trial(
        Pairs.of(
            [users[one] for one in of_users],
            [items[one] for one in of_items],
            users=len(users),
            items=len(items),
            day=_days(pairs[TIME], train) if TIME in pairs else None,
        ),
        np.array([users[one] for one in later[USER]], np.int32),
        np.array(numbers, np.int32),
    )


def leave_one_out(ratings: Path, out: Path, seed: int = 0) -> tuple[Path, Path]:
    """Write train.parquet and test.parquet of a table with a timestamp into a folder; their paths.

    The latest interaction of each user is the test, the one furthest down in a tie; 99 items that
    the user never touched beside it. A user with one interaction only is left to train on.
    """
    import pandas as pd

    told = _table(ratings, "user, item and timestamp")
    if TIME not in told:
        raise bad_input("missing_columns", f"{ratings} has no column timestamp; give one that has.")
    user, names = pd.factorize(told[USER], sort=True)
    item, what = pd.factorize(told[ITEM], sort=True)
    day = _days(told[TIME], ratings)
    pairs = Pairs.of(user, item, users=len(names), items=len(what), day=day)
    last = pairs.last()
    draw = np.random.default_rng(seed)
    others = never_chosen(pairs, pairs.user[last], NEGATIVES, draw)
    of_time = pd.Series(told[TIME].to_numpy(), pd.MultiIndex.from_arrays([user, item]))
    of_time = of_time[~of_time.index.duplicated()]
    known = pairs.take(~last)
    columns = {USER: names[known.user], ITEM: what[known.item]}
    columns[TIME] = of_time.loc[pd.MultiIndex.from_arrays([known.user, known.item])].to_numpy()
    out.mkdir(parents=True, exist_ok=True)
    train, test = out / "train.parquet", out / "test.parquet"
    pd.DataFrame(columns).to_parquet(train, index=False)
    tested = {USER: names[pairs.user[last]], ITEM: what[pairs.item[last]]}
    pd.DataFrame(tested | {OTHERS: list(np.asarray(what)[others])}).to_parquet(test, index=False)
    return train, test


def _tested(path: Path) -> dict[str, list[Any]]:
    """Users, items and the negatives of each, as text."""
    frame, named = _read(path)
    first = str(frame.iloc[0, 0])
    if not named and first.startswith("("):  # as the authors of NCF write it
        both = [_listed(one) for one in frame.iloc[:, 0]]
        return {USER: [u for u, _ in both], ITEM: [i for _, i in both], OTHERS: _rest(frame, 1)}
    if not named:
        frame = frame.rename(columns=dict(zip(frame.columns, (USER, ITEM), strict=False)))
        one_column = frame.shape[1] == 3
        others = [_listed(one) for one in frame.iloc[:, 2]] if one_column else _rest(frame, 2)
    elif {USER, ITEM, OTHERS} <= set(frame.columns):
        others = [_listed(one) for one in frame[OTHERS]]
    elif {USER, ITEM} <= set(frame.columns):
        others = _rest(frame.drop(columns=[USER, ITEM, RATING, TIME], errors="ignore"), 0)
    else:
        raise _columns(path, "user, item and negatives", frame)
    if not all(others):
        raise bad_input("missing_columns", f"A row of {path} has no negatives; give each some.")
    return {USER: _texts(frame[USER]), ITEM: _texts(frame[ITEM]), OTHERS: others}


def _rest(frame: pd.DataFrame, after: int) -> list[list[str]]:
    """The columns after so many, as text."""
    return [[_text_of(one) for one in row] for row in frame.iloc[:, after:].to_numpy()]


def _listed(value: Any) -> list[str]:
    """A list, or a text of ids with brackets, commas, bars or blanks between them."""
    if isinstance(value, str):
        return [one for one in _BETWEEN.split(value) if one]
    return [_text_of(one) for one in np.atleast_1d(value) if one == one]  # not NaN


def _texts(column: pd.Series) -> list[str]:
    return [_text_of(one) for one in column]


def _text_of(value: Any) -> str:
    """An id as text; 7.0 is 7, as it becomes where a column has gaps."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _table(path: Path, wanted: str) -> pd.DataFrame:
    """Users, items and what else is there, by our names."""
    frame, named = _read(path)
    if not named:
        frame = frame.rename(columns=dict(enumerate((USER, ITEM, RATING, TIME))))
    if not {USER, ITEM} <= set(frame.columns):
        raise _columns(path, wanted, frame)
    return frame


def _read(path: Path) -> tuple[pd.DataFrame, bool]:
    """The table of a file, and whether its columns have names, which are then ours."""
    import pandas as pd

    if not path.is_file():
        raise bad_input("no_data", f"There is no file {path}; give one that exists.")
    try:
        parquet = path.suffix == ".parquet"
        frame, named = (pd.read_parquet(path), True) if parquet else _text(path)
    except (OSError, ValueError) as error:
        raise bad_input("unreadable_file", f"{path} cannot be read as a table: {error}.") from error
    if frame.empty:
        raise bad_input("unreadable_file", f"{path} holds no rows; give a file that has some.")
    if named:
        plain = {name: str(name).strip().lower() for name in frame.columns}
        frame = frame.rename(columns={old: _NAMES.get(new, new) for old, new in plain.items()})
    return frame, named


def _text(path: Path) -> tuple[pd.DataFrame, bool]:
    """A text with any separator; a first line that begins with a number has no names."""
    import pandas as pd

    with path.open(encoding="utf-8") as file:
        first = file.readline().strip()
    bare = _QUOTED.sub("", first)
    found = [one for one in ("::", "\t", ";", ",", "|") if one in bare]
    separator = found[0] if found else r"\s+"
    named = re.match(r'[("]*\d', first) is None
    engine: Any = "python" if len(separator) > 1 else "c"
    table = pd.read_csv(path, sep=separator, header=0 if named else None, engine=engine)
    return table, named


def _days(column: pd.Series, path: Path) -> npt.NDArray[np.floating]:
    """Days of any origin; seconds where they are numbers."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(float) / _DAY
    try:
        when = pd.to_datetime(column, utc=True, format="mixed")
    except (ValueError, TypeError) as error:
        raise bad_input(
            "unreadable_file", f"{path} has a timestamp that is none: {error}."
        ) from error
    return (when - when.min()).dt.total_seconds().to_numpy() / _DAY


def _columns(path: Path, wanted: str, frame: pd.DataFrame) -> Exception:
    have = ", ".join(map(str, frame.columns[:8]))
    return bad_input("missing_columns", f"{path} needs the columns {wanted}; it has {have}.")
