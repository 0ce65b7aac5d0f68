"""Frozen: the data, the training budget and the only valid measurement, bits per byte on held-out text.

The budget is counted in bytes that the model is trained to predict, not in seconds: so a trial gives the same number on
a busy machine as on an idle one. Not covered: `train.py` runs in this process and could lie about its result.
"""

import math
from collections.abc import Callable, Iterator

import corpus
import numpy as np

TRAIN_SEED, HELD_OUT_SEED, ORDER_SEED = 11, 23, 5
TRAIN_BYTES, HELD_OUT_BYTES = 200_000, 20_000
TRAINING_BUDGET = 250_000  # bytes that a training run may predict, however they are batched
MAX_CONTEXT = 64  # bytes of history that may be asked for

_TRAIN_TEXT = corpus.write_log(TRAIN_SEED, TRAIN_BYTES)
_HELD_OUT_TEXT = corpus.write_log(HELD_OUT_SEED, HELD_OUT_BYTES)
ALPHABET = bytes(sorted(set(_TRAIN_TEXT + _HELD_OUT_TEXT)))
VOCABULARY = len(ALPHABET)


def encode(text: bytes) -> np.ndarray:
    """Return one id (0 to VOCABULARY - 1) for each byte: one id is one byte, so bits per id are bits per byte."""
    table = np.zeros(256, dtype=np.int64)
    table[list(ALPHABET)] = np.arange(VOCABULARY)
    return table[np.frombuffer(text, dtype=np.uint8)]


def _windows(ids: np.ndarray, positions: np.ndarray, context: int) -> np.ndarray:
    return ids[positions[:, None] + np.arange(-context, 0)]


def _check_context(context: int) -> None:
    if not 1 <= context <= MAX_CONTEXT:
        raise ValueError(f"context is {context}, expected 1 to {MAX_CONTEXT}")


def batches(context: int, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (histories [batch, context], next ids [batch]) until the training budget is used up.

    The order is random and always the same.
    """
    _check_context(context)
    ids = encode(_TRAIN_TEXT)
    order = np.random.default_rng(ORDER_SEED)
    for _ in range(TRAINING_BUDGET // batch_size):
        positions = order.integers(MAX_CONTEXT, len(ids), batch_size)
        yield _windows(ids, positions, context), ids[positions]


def evaluate_bpb(predict: Callable[[np.ndarray], np.ndarray], context: int) -> float:
    """Return the bits per byte (lower is better) of `predict` on the held-out text.

    `predict` maps histories [n, context] to logits [n, VOCABULARY]. Raises ValueError where the logits have another
    shape or are not finite.
    """
    _check_context(context)
    ids = encode(_HELD_OUT_TEXT)
    bits = 0.0
    every = np.arange(MAX_CONTEXT, len(ids))
    for positions in np.array_split(every, 10):
        logits = np.asarray(predict(_windows(ids, positions, context)), dtype=np.float64)
        if logits.shape != (len(positions), VOCABULARY) or not np.isfinite(logits).all():
            raise ValueError(f"logits: found shape {logits.shape}, expected finite {(len(positions), VOCABULARY)}")
        top = logits.max(axis=1)
        total = np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top
        bits += float((total - logits[np.arange(len(positions)), ids[positions]]).sum()) / math.log(2)
    return bits / len(every)
