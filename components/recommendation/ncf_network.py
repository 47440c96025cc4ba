"""The network of the recommender in TensorFlow, and how it is trained. Imports TensorFlow."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is loaded

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.recommendation.pairs import Float32, Pairs
from components.recommendation.pretraining import Start, factorise

if TYPE_CHECKING:
    from components.recommendation.ncf import NcfConfig

_CLASH = -1e9
"""Log-odds of a drawn merchant that the customer did choose: it says nothing."""
_TINY = 1e-6
_TABLES = ("user_product", "user_deep", "item_product", "item_deep", "item_history")
Weights = dict[str, Float32]


@dataclass(frozen=True)
class _Draws:
    """Random numbers of one step: the same seed and step give the same numbers on any machine."""

    seed: int
    step: tf.Tensor

    def uniform(self, shape: Any, purpose: int, **more: Any) -> tf.Tensor:
        seed = tf.stack([tf.constant(self.seed * 64 + purpose), self.step])
        return tf.random.stateless_uniform(shape, seed, **more)

    def kept(self, shape: Any, rate: float, purpose: int) -> tf.Tensor:
        """Ones with a share of zeros, as it is taken; 1 where nothing is to be dropped."""
        if rate == 0:
            return tf.ones(())
        return tf.cast(self.uniform(shape, purpose) >= rate, tf.float32)

    def dropout(self, x: tf.Tensor, rate: float, purpose: int) -> tf.Tensor:
        return x * self.kept(tf.shape(x), rate, purpose) / (1 - rate)


class Network:
    """The weights under training, and one optimiser over all passes."""

    def __init__(
        self,
        config: NcfConfig,
        pairs: Pairs,
        content: Float32 | None,
        start: Start | None = None,
    ) -> None:
        _use(config.threads)
        keras.utils.set_random_seed(config.seed)
        self._config, self._pairs = config, pairs
        self._content = None if content is None else tf.constant(content)
        width = 0 if content is None else content.shape[1]
        self.weights = {
            name: tf.Variable(tf.constant(value), name=name)
            for name, value in _first(config, pairs, width, start).items()
        }
        self._optimiser = keras.optimizers.AdamW(
            config.learning_rate, weight_decay=config.weight_decay
        )
        self._optimiser.exclude_from_weight_decay(
            var_list=[v for name, v in self.weights.items() if name not in _TABLES]
        )
        self._variables = list(self.weights.values())
        self._optimiser.build(self._variables)
        self._draw = np.random.default_rng(config.seed)
        self._steps = 0
        self._item, self._weight, self._day = (
            tf.Variable(tf.constant(column)) for column in (pairs.item, pairs.weight, pairs.day)
        )
        self._user, self._start = tf.constant(pairs.user), tf.constant(pairs.start)
        self._keys = tf.constant(pairs.keys)
        self._drawn = tf.constant(np.flatnonzero(pairs.popularity).astype(np.int32))
        self._mean_weight = float(pairs.weight.mean())
        self._step = tf.function(self._correct, autograph=False)

    def epoch(self) -> float:
        """One pass over all pairs in a new order; the mean loss."""
        config, pairs = self._config, self._pairs
        if not pairs.ordered:  # then what came before is drawn anew
            mixed = np.lexsort((self._draw.random(len(pairs)), pairs.user))
            self._item.assign(pairs.item[mixed])
            self._weight.assign(pairs.weight[mixed])
        size = min(config.batch, len(pairs)) // config.group * config.group
        order = self._draw.permutation(len(pairs)).astype(np.int32)
        losses = []
        for begin in range(0, len(order) - size + 1, size):
            self._steps += 1
            losses.append(self._step(tf.constant(order[begin : begin + size]), self._steps_tensor))
        return float(np.mean(losses))

    @property
    def _steps_tensor(self) -> tf.Tensor:
        return tf.constant(self._steps, tf.int32)

    def reduce(self) -> None:
        """Go on with smaller corrections."""
        rate = float(np.asarray(self._optimiser.learning_rate))
        self._optimiser.learning_rate = rate * self._config.reduction

    def read(self) -> Weights:
        """The weights as arrays, with the content of merchants and their fame folded in."""
        tables = {name: np.asarray(table) for name, table in self._tables(None).items()}
        rest = {
            name: np.asarray(value)
            for name, value in self.weights.items()
            if name not in tables and not name.startswith("content_") and name != "fame"
        }
        return rest | tables

    def _correct(self, at: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        config, draws = self._config, _Draws(self._config.seed, step)
        user, item = tf.gather(self._user, at), tf.gather(self._item, at)
        groups = tf.shape(at)[0] // config.group
        place = draws.uniform(
            [groups, config.negatives], 0, maxval=tf.size(self._drawn), dtype=tf.int32
        )
        drawn = tf.gather(self._drawn, place)
        clash = self._chosen(user, tf.repeat(drawn, config.group, axis=0))
        with tf.GradientTape() as tape:
            tables = self._tables(draws)
            told = self._told(tables, at, user)
            right, wrong = self._margins(tables, draws, user, told, item, drawn)
            wrong = tf.where(clash, _CLASH, wrong)
            both = tf.concat([right[:, None], wrong], 1)
            losses = tf.reduce_logsumexp(both, 1) - right
            sure = tf.gather(self._weight, at) / self._mean_weight
            loss = tf.reduce_mean(losses * sure)
        slopes = tape.gradient(
            loss, self._variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        self._optimiser.apply([tf.convert_to_tensor(one) for one in slopes], self._variables)
        return loss

    def _chosen(self, user: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
        """Whether the customers [n] did choose what was drawn for them [n, s]."""
        key = tf.cast(user, tf.int64)[:, None] * self._pairs.items + tf.cast(drawn, tf.int64)
        found = tf.searchsorted(self._keys, tf.reshape(key, [-1]))
        found = tf.minimum(found, tf.size(self._keys) - 1)
        return tf.reshape(tf.gather(self._keys, found), tf.shape(key)) == key

    def _tables(self, draws: _Draws | None) -> dict[str, tf.Tensor]:
        """What is known of each merchant: its own vector, its content, and how famous it is."""
        w, own = self.weights, tf.ones(())
        if draws is not None and self._content is not None:
            own = draws.kept([self._pairs.items, 1], self._config.drop_item, 1)
        tables = {name: w[name] * own for name in _TABLES if name.startswith("item_")}
        bias = w["bias"] * (tf.reshape(own, [-1]) if own.shape.rank else own)
        tables["bias"] = bias + w["fame"] * self._fame
        if self._content is not None:
            for name in tables:
                tables[name] += tf.squeeze(self._content @ w[f"content_{name}"])
        return tables

    @property
    def _fame(self) -> tf.Tensor:
        return tf.constant(fame(self._pairs.popularity))

    def _told(self, tables: dict[str, tf.Tensor], at: tf.Tensor, user: tf.Tensor) -> tf.Tensor:
        """What came before each pair, as vectors [n, heads · factors]."""
        config, w = self._config, self.weights
        start = tf.gather(self._start, user)[:, None]
        before = at[:, None] - 1 - tf.range(config.history)
        if self._pairs.ordered:
            there = before >= start
        else:  # everything else that the customer chose, around in a circle
            count = tf.gather(self._start, user + 1)[:, None] - start
            there = tf.range(1, config.history + 1) < count
            before = start + tf.math.floormod(before - start, count)
        before = tf.maximum(before, 0)
        weight = tf.where(there, tf.gather(self._weight, before), 0.0)
        if config.half_life_days is not None and self._pairs.ordered:
            age = tf.gather(self._day, at)[:, None] - tf.gather(self._day, before)
            weight *= tf.exp(-np.log(2) / config.half_life_days * tf.maximum(age, 0.0))
        item = tf.gather(self._item, before)
        weight *= tf.exp(tf.gather(w["importance"], item))
        share = weight[:, None] * tf.exp(w["recency"])
        share /= tf.reduce_sum(share, 2, keepdims=True) + _TINY
        pooled = share @ tf.gather(tables["item_history"], item)
        return tf.reshape(pooled, [-1, config.heads * config.factors])

    def _margins(
        self,
        tables: dict[str, tf.Tensor],
        draws: _Draws,
        user: tf.Tensor,
        told: tf.Tensor,
        item: tf.Tensor,
        drawn: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Log-odds of what was chosen [n] and of what was drawn [n, s], which a group shares.

        So does a group the units that are dropped: what is right is compared with what is wrong
        by the same network, and a mask costs as much as a pass over it.
        """
        config, w = self._config, self.weights
        known = draws.kept([tf.shape(user)[0], 1], config.drop_user, 2)
        product = tf.gather(w["user_product"], user) * known + told @ w["to_product"]
        product = draws.dropout(product * w["product"], config.dropout, 3)
        right = tf.reduce_sum(product * tf.gather(tables["item_product"], item), 1)
        grouped = tf.reshape(product, [-1, config.group, config.factors])
        wrong = tf.matmul(grouped, tf.gather(tables["item_product"], drawn), transpose_b=True)
        deep = tf.gather(w["user_deep"], user) * known + told @ w["to_deep"]
        deep = draws.dropout(deep, config.dropout, 4) @ w["deep_user"] + w["deep_bias_0"]
        mask = draws.dropout(tf.ones([tf.shape(drawn)[0], 1, config.layers[0]]), config.dropout, 5)
        deep = tf.reshape(deep, [-1, config.group, config.layers[0]]) * mask

        def meet(items: tf.Tensor, purpose: int) -> tf.Tensor:
            vectors = draws.dropout(tf.gather(tables["item_deep"], items), config.dropout, purpose)
            return vectors @ w["deep_item"] * mask

        chosen = tf.reshape(item, tf.shape(grouped)[:2])
        right += tf.reshape(self._above(tf.nn.relu(deep + meet(chosen, 6))), [-1])
        pairs = tf.nn.relu(deep[:, :, None] + meet(drawn, 7)[:, None])
        wrong += tf.reshape(self._above(pairs), tf.shape(wrong))
        shape = [tf.shape(user)[0], config.negatives]
        bias = tf.repeat(tf.gather(tables["bias"], drawn), config.group, axis=0)
        return right + tf.gather(tables["bias"], item), tf.reshape(wrong, shape) + bias

    def _above(self, units: tf.Tensor) -> tf.Tensor:
        """The layers above the first one, over the last axis; flat."""
        w, layers = self.weights, self._config.layers
        flat = tf.reshape(units, [-1, layers[0]])
        for place in range(1, len(layers)):
            flat = tf.nn.relu(tf.nn.bias_add(flat @ w[f"deep_{place}"], w[f"deep_bias_{place}"]))
        return flat @ w["deep_out"]


def fame(popularity: npt.NDArray[np.int64]) -> Float32:
    """ln(½ + customers) of each merchant, less its mean: what popularity alone says."""
    drawn = np.log(popularity + 0.5)
    return (drawn - drawn.mean()).astype(np.float32)


def _first(config: NcfConfig, pairs: Pairs, content: int, start: Start | None) -> Weights:
    """First weights: small vectors, paths that begin as the mean of a history."""
    draw = np.random.default_rng(config.seed)

    def normal(*shape: int, scale: float = config.scale) -> Float32:
        return draw.normal(0, scale, shape).astype(np.float32)

    def glorot(*shape: int) -> Float32:
        limit = np.sqrt(6 / sum(shape))
        return draw.uniform(-limit, limit, shape).astype(np.float32)

    d, first = config.factors, config.layers[0]
    recency = -0.5 * np.log(np.arange(1, config.history + 1))
    weights = {
        "user_product": normal(pairs.users, d, scale=0.01),
        "user_deep": normal(pairs.users, d, scale=0.01),
        "item_product": normal(pairs.items, d),
        "item_deep": normal(pairs.items, d),
        "item_history": normal(pairs.items, d),
        "importance": np.zeros(pairs.items, np.float32),
        "recency": np.stack([recency * (head == 0) for head in range(config.heads)]),
        "to_product": np.concatenate([np.eye(d) / config.heads] * config.heads),
        "to_deep": glorot(config.heads * d, d),
        "product": np.ones(d),
        "bias": np.zeros(pairs.items),
        "fame": np.ones(()),
        "deep_user": glorot(d, first),
        "deep_item": glorot(d, first),
        "deep_bias_0": np.zeros(first),
        "deep_out": glorot(config.layers[-1], 1),
    }
    for place, (below, width) in enumerate(zip(config.layers, config.layers[1:], strict=False), 1):
        weights[f"deep_{place}"] = glorot(below, width)
        weights[f"deep_bias_{place}"] = np.zeros(width)
    if start is not None:
        users, items = factorise(pairs, d, start.alpha, start.ridge, config.seed)
        root = np.sqrt(start.scale)
        weights |= {"user_product": users * root, "item_product": items * root}
        silent = ("to_product", "deep_out")  # so that it begins at the factorisation itself
        weights |= {"fame": np.float32(start.fame)}
        weights |= {name: np.zeros_like(weights[name]) for name in silent}
    if content:
        for name in ("item_product", "item_deep", "item_history"):
            weights[f"content_{name}"] = normal(content, d)
        weights["content_bias"] = np.zeros((content, 1))
    return {name: np.asarray(value, np.float32) for name, value in weights.items()}


def _use(threads: int) -> None:
    """Train on so many threads; what TensorFlow was told before in this process stays."""
    if tf.config.threading.get_intra_op_parallelism_threads() != threads:
        with suppress(RuntimeError):  # it has begun already
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
