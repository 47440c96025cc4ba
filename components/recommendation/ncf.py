"""The recommender: neural matrix factorisation over what a customer chose before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from components.common.artifact import GRAPH, write_inputs
from components.common.errors import refused
from components.recommendation.leave_one_out import HeldOut, ndcg, ranks
from components.recommendation.ncf_margins import Floats, Weights, chunks, margins_of
from components.recommendation.pairs import Float32, History, Pairs
from components.recommendation.pretraining import Start, find_start
from components.recommendation.shallow import Shallow

if TYPE_CHECKING:
    from components.recommendation.ncf_network import Network

USER = "user"
"""Input with the number of a customer's own vector, NaN for a new one."""
_TINY = 1e-6


class NcfConfig(BaseModel):
    """What can be tuned; the defaults were chosen on validation pairs before any test pair."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factors: int = Field(default=50, ge=1)
    """Length of the vectors of customers and merchants."""
    layers: tuple[int, ...] = Field(default=(128, 64), min_length=1)
    """Widths of the rectified layers of the deep path."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Share of the units below each layer of the deep path, and of the product, that is lost."""
    history: int = Field(default=50, ge=1)
    """Merchants of a customer's past that are seen, the newest first."""
    heads: int = Field(default=2, ge=1)
    """Means of the history, each with its own weight of what is how long ago."""
    half_life_days: float | None = Field(default=None, gt=0)
    """Age at which a choice counts half, beside what is learnt from the order; None for no age."""
    negatives: int = Field(default=32, ge=1)
    """Merchants that a pair is compared with, drawn from those that the customer did not choose."""
    group: int = Field(default=32, ge=1)
    """Pairs that are compared with the same draw."""
    batch: int = Field(default=2048, ge=1)
    """Pairs between two corrections, without what is drawn."""
    epochs: int = Field(default=30, ge=1)
    """Most passes over the pairs."""
    learning_rate: float = Field(default=2e-3, gt=0)
    """Size of the first corrections (Adam)."""
    reduction: float = Field(default=0.5, gt=0, lt=1)
    """What the learning rate is multiplied by when the held-out pairs are ranked no better."""
    patience: int = Field(default=4, ge=1)
    """Passes without improvement after which training ends."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Share of the vectors that is lost in a correction, over the learning rate."""
    drop_user: float = Field(default=0.3, ge=0, lt=1)
    """Share of the pairs for which a customer's own vector is left out: so learns the history to
    stand alone, as it has to for a new customer."""
    drop_item: float = Field(default=0.1, ge=0, lt=1)
    """Share of the merchants whose own vector is left out in a step where there is content: so
    learns the content to stand alone, as it has to for a new merchant."""
    scale: float = Field(default=0.05, gt=0)
    """Standard deviation of the first vectors of merchants."""
    pretrain: bool = True
    """Whether the product path begins at a factorisation where the order of choices is not known;
    where it is, small random vectors were better. It needs held-out pairs to be found."""
    members: int = Field(default=1, ge=1)
    """Networks whose log-odds are averaged."""
    ridge: float = Field(default=200.0, gt=0)
    """λ of the shallow term: how many customers two merchants must share to say something."""
    seconds: float | None = Field(default=None, gt=0)
    """CPU-seconds after which no pass begins, where held-out pairs decide; None for no bound."""
    threads: int = Field(default=1, ge=0)
    """Threads that train, 0 for all cores."""
    seed: int = 0
    """Seed of the first weights and of every draw."""


@dataclass(frozen=True)
class Schedule:
    """How one network was trained, so that it can be trained again on more pairs."""

    epochs: int
    """Passes up to the best one."""
    reduced_after: tuple[int, ...] = ()
    """Passes after which the learning rate was reduced."""
    start: Start | None = None
    """The factorisation that it began at."""


@dataclass(frozen=True)
class Ncf:
    """P(m | u) = σ(a·(s_um − ln Σ_k exp s_uk) + c), s_um = w·(p_u ∘ q_m) + f(p'_u, q'_m) + b_m
    + d·l_um, l_um what the merchants that u chose say of m linearly (`Shallow`), where they are
    not too many.

    The product path is generalised matrix factorisation, f are rectified layers over both vectors;
    p_u = e_u + T·h_u where e_u is the customer's own vector (0 for a new one) and h_u the weighted
    means of the history of vectors, one for each head k:
    Σ_j g_j·exp(α_j + β_k,age(j))·v_j / Σ_j g_j·exp(α_j + β_k,age(j)),
    g_j how sure the choice j is, age its place in the history. b_m holds how famous m is.
    a = 1 and c = 0 make it the probability that m is what u chooses next.

    He, Liao, Zhang, Nie, Hu and Chua, "Neural Collaborative Filtering", 2017; the history as in
    Koren, "Factorization meets the neighborhood", 2008. Learnt by the softmax over one chosen and
    drawn merchants (Rendle, "Item recommendation from implicit feedback", 2021).
    """

    config: NcfConfig
    members: tuple[Weights, ...]
    schedules: tuple[Schedule, ...] = ()
    slope: float = 1.0
    offset: float = 0.0
    shallow: Shallow | None = None

    @classmethod
    def fit(
        cls,
        config: NcfConfig,
        pairs: Pairs,
        content: Float32 | None = None,
        *,
        held_out: HeldOut | None = None,
    ) -> Ncf:
        """A new model.

        content: [items, c] what is known of merchants, scaled. held_out: pairs that are not among
        `pairs`; they decide when the learning rate is reduced, when training ends and how much
        the shallow term says. Raises `FinloopError("few_pairs")`.
        """
        plan = (Schedule(config.epochs),) * config.members
        model = _fitted(config, pairs, content, held_out, plan)
        shallow = Shallow.of(pairs, config.ridge) if held_out is not None else None
        if shallow is None or held_out is None:
            return model
        margins = model.margins(held_out.history, held_out.items)
        return replace(model, shallow=shallow.fitted(margins, held_out))

    def again(self, pairs: Pairs, content: Float32 | None = None) -> Ncf:
        """A model learnt from other pairs in just the way this one was, with its calibration.

        Raises `FinloopError("few_pairs")`.
        """
        model = _fitted(self.config, pairs, content, None, self.schedules)
        shallow = self.shallow and Shallow.of(pairs, self.config.ridge, self.shallow.share)
        return replace(model, slope=self.slope, offset=self.offset, shallow=shallow)

    @property
    def items(self) -> int:
        """Merchants that it knows."""
        return len(self.members[0]["bias"])

    def margins(self, history: History, items: npt.NDArray[np.integer] | None = None) -> Floats:
        """s_um of candidates [n, c] for each customer, or of every merchant [n, items]."""
        count = self.items if items is None else items.shape[1]
        parts = [
            self._margins(history.take(rows), None if items is None else items[rows])
            for rows in chunks(len(history), count * self.config.layers[0])
        ]
        return np.concatenate(parts) if parts else np.zeros((0, count))

    def _margins(self, history: History, items: npt.NDArray[np.integer] | None) -> Floats:
        mean = np.mean([margins_of(one, history, items) for one in self.members], axis=0)
        if self.shallow is None or not self.shallow.share:
            return mean
        return mean + self.shallow.share * self.shallow.told(history, items)

    def probability(self, history: History) -> Floats:
        """[n, items] in (0, 1)."""
        return 1 / (1 + np.exp(-self.slope * self._log_share(history) - self.offset))

    def calibrated(self, history: History, open_to: Flags, chose: Flags) -> Ncf:
        """The same network, with a and c fitted to what became true of later pairs; the order
        stays the same.

        open_to, chose: [n, items], what could have been chosen, and what was. Nothing is changed
        where nothing or everything was chosen.
        """
        from sklearn.linear_model import LogisticRegression

        told, label = self._log_share(history)[open_to][:, None], chose[open_to]
        if len(np.unique(label)) < 2:
            return self
        fitted = LogisticRegression(C=1e6, solver="newton-cholesky", tol=1e-10).fit(told, label)
        slope = max(float(fitted.coef_[0, 0]), _TINY)
        return replace(self, slope=slope, offset=float(fitted.intercept_[0]))

    def export(self, folder: Path, *, users: bool = False) -> None:
        """Write the graph and the names of its inputs into a folder.

        users: whether customers' own vectors go with it, and the input `USER` that names them.
        """
        from onnx import save_model

        from components.recommendation.ncf_graph import ncf_graph

        folder.mkdir(parents=True, exist_ok=True)
        save_model(ncf_graph(self, users=users), str(folder / GRAPH))
        write_inputs(folder, inputs_of(self.config.history, users=users))

    def _log_share(self, history: History) -> Floats:
        margins = self.margins(history)
        most = margins.max(axis=1, keepdims=True)
        return margins - most - np.log(np.exp(margins - most).sum(axis=1, keepdims=True))


Flags = npt.NDArray[np.bool_]


def inputs_of(length: int, *, users: bool = False) -> tuple[str, ...]:
    """Inputs of a graph: rows of merchants, and how much each of them weighs; NaN for none."""
    told = tuple(f"{what}_{at}" for what in ("merchant", "weight") for at in range(1, length + 1))
    return (*told, USER) if users else told


def _fitted(
    config: NcfConfig,
    pairs: Pairs,
    content: Float32 | None,
    held_out: HeldOut | None,
    plan: tuple[Schedule, ...],
) -> Ncf:
    """The networks alone, each trained by its part of a plan."""
    if len(pairs) < config.group:
        raise refused(
            "few_pairs",
            f"There are {len(pairs)} pairs to learn from; {config.group} are the least.",
        )
    seeded = (config.model_copy(update={"seed": config.seed + at}) for at in range(len(plan)))
    found = [
        _train(one, pairs, content, held_out, schedule)
        for one, schedule in zip(seeded, plan, strict=True)
    ]
    return Ncf(config, tuple(one for one, _ in found), tuple(how for _, how in found))


def _train(
    config: NcfConfig,
    pairs: Pairs,
    content: Float32 | None,
    held_out: HeldOut | None,
    schedule: Schedule,
) -> tuple[Weights, Schedule]:
    """The best weights of one network, and how to get there again."""
    from components.recommendation.ncf_network import Network

    if held_out is not None:
        start = None
        if config.pretrain and not pairs.ordered:
            start = find_start(pairs, config.factors, held_out, config.seed)
        network = Network(config, pairs, content, start)
        return _watched(config, network, held_out, start)
    network = Network(config, pairs, content, schedule.start)
    for epoch in range(1, schedule.epochs + 1):
        network.epoch()
        if epoch in schedule.reduced_after:
            network.reduce()
    return network.read(), schedule


def _watched(
    config: NcfConfig, network: Network, held_out: HeldOut, start: Start | None
) -> tuple[Weights, Schedule]:
    def gain_of(weights: Weights) -> float:
        return float(ndcg(ranks(margins_of(weights, held_out.history, held_out.items))).mean())

    began = process_time()
    weights, epochs, reduced = network.read(), 0, []
    best = gain_of(weights)
    for epoch in range(1, config.epochs + 1):
        network.epoch()
        now = network.read()
        found = gain_of(now)
        if found > best:
            best, weights, epochs = found, now, epoch
        else:
            network.reduce()
            reduced.append(epoch)
        late = config.seconds is not None and process_time() - began > config.seconds
        if late or epoch - epochs >= config.patience:
            break
    return weights, Schedule(epochs, tuple(epoch for epoch in reduced if epoch < epochs), start)
