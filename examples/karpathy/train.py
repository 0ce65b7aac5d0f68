"""Trains a character model and prints its bits per byte on held-out text. This is the file to edit."""

import resource
import time

import numpy as np
from prepare import VOCABULARY, batches, evaluate_bpb

CONTEXT = 4
EMBEDDING = 8
HIDDEN = 32
BATCH_SIZE = 128
LEARNING_RATE = 0.1
SEED = 1


class Model:
    """The last bytes, embedded, through one hidden layer to the logits of the next byte."""

    def __init__(self, rng: np.random.Generator) -> None:
        inputs = CONTEXT * EMBEDDING
        self.embedding = rng.standard_normal((VOCABULARY, EMBEDDING)) * 0.1
        self.hidden = rng.standard_normal((inputs, HIDDEN)) / np.sqrt(inputs)
        self.hidden_bias = np.zeros(HIDDEN)
        self.output = rng.standard_normal((HIDDEN, VOCABULARY)) / np.sqrt(HIDDEN)
        self.output_bias = np.zeros(VOCABULARY)

    def parameters(self) -> list[np.ndarray]:
        return [self.embedding, self.hidden, self.hidden_bias, self.output, self.output_bias]

    def forward(self, history: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        inputs = self.embedding[history].reshape(len(history), -1)
        activation = np.tanh(inputs @ self.hidden + self.hidden_bias)
        return inputs, activation, activation @ self.output + self.output_bias

    def gradients(self, history: np.ndarray, following: np.ndarray) -> list[np.ndarray]:
        inputs, activation, logits = self.forward(history)
        error = np.exp(logits - logits.max(axis=1, keepdims=True))
        error /= error.sum(axis=1, keepdims=True)
        error[np.arange(len(following)), following] -= 1
        error /= len(following)
        back = (error @ self.output.T) * (1 - activation**2)
        embedding = np.zeros_like(self.embedding)
        np.add.at(embedding, history, (back @ self.hidden.T).reshape(*history.shape, EMBEDDING))
        return [embedding, inputs.T @ back, back.sum(axis=0), activation.T @ error, error.sum(axis=0)]


def train(model: Model) -> int:
    """Use up the training budget; return the number of steps."""
    steps = 0
    for history, following in batches(CONTEXT, BATCH_SIZE):
        for parameter, gradient in zip(model.parameters(), model.gradients(history, following), strict=True):
            parameter -= LEARNING_RATE * gradient
        steps += 1
    return steps


def main() -> None:
    started = time.perf_counter()
    model = Model(np.random.default_rng(SEED))
    steps = train(model)
    trained = time.perf_counter()
    val_bpb = evaluate_bpb(lambda history: model.forward(history)[2], CONTEXT)
    print("---")
    print(f"val_bpb: {val_bpb:.6f}")
    print(f"training_seconds: {trained - started:.1f}")
    print(f"total_seconds: {time.perf_counter() - started:.1f}")
    print(f"peak_memory_mb: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.1f}")
    print(f"num_steps: {steps}")
    print(f"num_params: {sum(parameter.size for parameter in model.parameters())}")


if __name__ == "__main__":
    main()
