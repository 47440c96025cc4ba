"""The files of a leave-one-out test, in every layout that is read."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.ncf_files import Trial, leave_one_out, read_trial
from components.common.errors import FinloopError

TRAIN = pd.DataFrame(
    {"user": [10, 10, 20, 20], "item": [7, 8, 8, 9], "timestamp": [100_000, 50_000, 3, 4]}
)
TEST = {10: (9, [5, 6]), 20: (7, [6, 5])}


def same(trial: Trial) -> None:
    """Whether it is the trial above, whatever the numbers are."""
    assert len(trial.pairs) == 4
    assert (trial.pairs.users, trial.pairs.items) == (2, 5)
    assert trial.users.tolist() == [0, 1]
    seven, nine = int(trial.items[1, 0]), int(trial.items[0, 0])
    first, second = (set(trial.pairs.item[trial.pairs.user == user].tolist()) for user in (0, 1))
    (eight,) = first & second
    assert (first, second) == ({seven, eight}, {eight, nine})
    assert trial.items[0, 1:].tolist() == trial.items[1, :0:-1].tolist()
    assert len({seven, eight, nine, *trial.items[0, 1:].tolist()}) == 5


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize("between", [",", "\t", ";", " ", "::"])
@pytest.mark.parametrize("header", [True, False])
def test_any_separator_with_and_without_names(tmp_path: Path, between: str, header: bool) -> None:
    rows = TRAIN if header else TRAIN.assign(rating=4)[["user", "item", "rating", "timestamp"]]
    lines = [between.join(map(str, row)) for row in rows.to_numpy().tolist()]
    names = [between.join(rows.columns)] if header else []
    train = write(tmp_path / "train.dat", "\n".join([*names, *lines]))
    tested = [f"{u}{between}{i}{between}[{n[0]}|{n[1]}]" for u, (i, n) in TEST.items()]
    names = [between.join(("user", "item", "negatives"))] if header else []
    test = write(tmp_path / "test.dat", "\n".join([*names, *tested]))
    trial = read_trial(train, test)
    same(trial)
    assert trial.pairs.ordered
    assert trial.pairs.item[0] == trial.pairs.item[2]  # 8 came before 7


@pytest.mark.parametrize("of", [list, np.array, lambda n: "[" + ", ".join(map(str, n)) + "]"])
def test_negatives_are_a_list_or_a_text(tmp_path: Path, of: object) -> None:
    TRAIN[["user", "item"]].to_parquet(tmp_path / "train.parquet")
    tested = pd.DataFrame(
        {
            "userId": list(TEST),
            "movieId": [item for item, _ in TEST.values()],
            "negatives": [of(others) for _, others in TEST.values()],  # type: ignore[operator]
        }
    )
    tested.to_parquet(tmp_path / "test.parquet")
    trial = read_trial(tmp_path / "train.parquet", tmp_path / "test.parquet")
    same(trial)
    assert not trial.pairs.ordered


def test_negatives_can_be_columns(tmp_path: Path) -> None:
    TRAIN.to_csv(tmp_path / "train.csv", index=False)
    test = write(tmp_path / "test.csv", "user,item,n1,n2\n10,9,5,6\n20,7,6,5\n")
    same(read_trial(tmp_path / "train.csv", test))
    test = write(tmp_path / "plain.csv", "10,9,5,6\n20,7,6,5\n")
    same(read_trial(tmp_path / "train.csv", test))


def test_the_layout_of_the_authors_of_ncf(tmp_path: Path) -> None:
    train = write(
        tmp_path / "ml.train.rating", "10\t7\t5\t90000\n10\t8\t3\t5\n20\t8\t3\t3\n20\t9\t1\t4"
    )
    test = write(tmp_path / "ml.test.negative", "(10,9)\t5\t6\n(20,7)\t6\t5\n")
    same(read_trial(train, test))


def test_ids_can_be_names_and_dates_can_be_texts(tmp_path: Path) -> None:
    train = write(
        tmp_path / "a.csv", "user,item,timestamp\nAnn,b-1,2024-05-02\nAnn,b-2,2024-05-01T10:00Z\n"
    )
    test = write(tmp_path / "b.csv", 'user,item,negatives\nAnn,b-3,"b-4,b-5"\n')
    trial = read_trial(train, test)
    assert trial.pairs.items == 5
    assert trial.pairs.day.tolist() == pytest.approx([0.0, 14 / 24], rel=1e-5)


def test_a_row_with_fewer_negatives_repeats_one(tmp_path: Path) -> None:
    TRAIN.to_csv(tmp_path / "train.csv", index=False)
    test = write(tmp_path / "test.csv", "user,item,negatives\n10,9,5 6\n20,7,5\n")
    items = read_trial(tmp_path / "train.csv", test).items
    assert items.shape == (2, 3)
    assert items[1, 1] == items[1, 2] == items[0, 1]


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ("user,thing\n1,2\n", "user,item,negatives\n1,2,3\n", "needs the columns user and item"),
        ("user,item\n1,2\n", "user,item\n1,2\n", "has no negatives"),
        ("user,item\n1,2\n", "who,item,negatives\n1,2,3\n", "user, item and negatives; it has who"),
        ("user,item\n1,2\n", "user,item,negatives\n1,2,\n", "has no negatives"),
        ("user,item\n", "user,item,negatives\n1,2,3\n", "holds no rows"),
        ("user,item,timestamp\n1,2,noon\n", "user,item,negatives\n1,2,3\n", "timestamp that is"),
    ],
)
def test_what_cannot_be_used_is_one_clear_sentence(
    tmp_path: Path, train: str, test: str, said: str
) -> None:
    files = write(tmp_path / "train.csv", train), write(tmp_path / "test.csv", test)
    with pytest.raises(FinloopError, match=re.escape(said)):
        read_trial(*files)


def test_a_missing_file_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(FinloopError, match="There is no file"):
        read_trial(tmp_path / "nowhere.csv", tmp_path / "nowhere.csv")


def test_files_of_ratings_leave_the_latest_out(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    ratings = pd.DataFrame(
        {
            "userId": np.repeat(np.arange(20) + 100, 30),
            "movieId": np.concatenate([draw.choice(300, 30, replace=False) for _ in range(20)]),
            "rating": 4.0,
            "timestamp": draw.permutation(600),
        }
    )
    ratings.sample(frac=1, random_state=1).to_csv(tmp_path / "ratings.csv", index=False)
    train, test = (
        pd.read_parquet(path) for path in leave_one_out(tmp_path / "ratings.csv", tmp_path)
    )
    latest = ratings.sort_values("timestamp").groupby("userId").last()["movieId"]
    assert test.set_index("user")["item"].to_dict() == latest.to_dict()
    whole = pd.concat([train[["user", "item"]], test[["user", "item"]]])
    assert len(whole.drop_duplicates()) == len(ratings) == len(whole)
    merged = train.merge(ratings, left_on=["user", "item"], right_on=["userId", "movieId"])
    assert (merged["timestamp_x"] == merged["timestamp_y"]).all()
    for row in test.to_dict("records"):
        touched = set(ratings[ratings["userId"] == row["user"]]["movieId"].tolist())
        assert len(set(row["negatives"])) == 99
        assert not set(row["negatives"]) & touched
    again = pd.read_parquet(leave_one_out(tmp_path / "ratings.csv", tmp_path / "again")[1])
    assert [list(row) for row in again["negatives"]] == [list(row) for row in test["negatives"]]
