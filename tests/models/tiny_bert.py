"""A tiny DNABERT with random weights, and its forward pass by the definition, in numpy and float64."""

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import save_file

Weights = dict[str, npt.NDArray[np.float64]]

HIDDEN, LAYERS, HEADS, INNER, EPSILON = 16, 2, 2, 24, 1e-12
MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# As in DNABERT's own files; not the alphabetical order.
BASES = "ATCG"

_erf = np.vectorize(math.erf)


def words(k: int) -> list[str]:
    """The lines of vocab.txt."""
    return [*MARKS, *("".join(letters) for letters in itertools.product(BASES, repeat=k))]


def make_bert(
    directory: Path, k: int = 3, positions: int = 40, seed: int = 0, name: str = "model.safetensors"
) -> Weights:
    """Write a directory in the hub's layout, weights under `name`; gives the weights (float32 values)."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "vocab.txt").write_text("".join(f"{word}\n" for word in words(k)))
    config = {
        "architectures": ["BertForMaskedLM"],
        "model_type": "bert",
        "vocab_size": len(words(k)),
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": INNER,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.5,
        "max_position_embeddings": positions,
        "type_vocab_size": 2,
        "layer_norm_eps": EPSILON,
        "split": 10,
    }
    (directory / "config.json").write_text(json.dumps(config))
    weights = random_weights(len(words(k)), positions, seed)
    save_weights(directory / name, weights)
    return weights


def save_weights(path: Path, weights: Mapping[str, npt.NDArray[np.float64]]) -> None:
    values = {name: value.astype(np.float32) for name, value in weights.items()}
    if path.suffix == ".safetensors":
        save_file(values, path)
    else:
        torch.save({name: torch.from_numpy(value) for name, value in values.items()}, path)


def random_weights(vocabulary: int, positions: int, seed: int) -> Weights:
    random = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "bert.embeddings.word_embeddings.weight": (vocabulary, HIDDEN),
        "bert.embeddings.position_embeddings.weight": (positions, HIDDEN),
        "bert.embeddings.token_type_embeddings.weight": (2, HIDDEN),
        **_norm("bert.embeddings.LayerNorm"),
        "cls.predictions.bias": (vocabulary,),
        **_linear("cls.predictions.transform.dense", HIDDEN, HIDDEN),
        **_norm("cls.predictions.transform.LayerNorm"),
    }
    for number in range(LAYERS):
        layer = f"bert.encoder.layer.{number}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= _linear(f"{layer}.attention.{part}", HIDDEN, HIDDEN)
        shapes |= _norm(f"{layer}.attention.output.LayerNorm") | _norm(f"{layer}.output.LayerNorm")
        shapes |= _linear(f"{layer}.intermediate.dense", INNER, HIDDEN) | _linear(
            f"{layer}.output.dense", HIDDEN, INNER
        )
    drawn = {name: random.normal(0, 0.5, shape) for name, shape in shapes.items()}
    return {name: value.astype(np.float32).astype(np.float64) for name, value in drawn.items()}


def _linear(name: str, out: int, into: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def _norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (HIDDEN,), f"{name}.bias": (HIDDEN,)}


def log_probabilities(weights: Weights, tokens: Sequence[int]) -> npt.NDArray[np.float64]:
    """Of every word at every place: [tokens, vocabulary]; Devlin et al. 2019, written out."""

    def linear(x: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.float64]:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.float64]:
        centred = x - x.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + EPSILON)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def attend(x: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.float64]:
        size = HIDDEN // HEADS
        query, key, value = (linear(x, f"{name}.{part}") for part in ("query", "key", "value"))
        heads = []
        for head in range(HEADS):
            own = slice(head * size, (head + 1) * size)
            weight = np.exp(query[:, own] @ key[:, own].T / math.sqrt(size))
            heads.append(weight / weight.sum(axis=1, keepdims=True) @ value[:, own])
        return np.hstack(heads)

    embeddings = "bert.embeddings"
    x = weights[f"{embeddings}.word_embeddings.weight"][list(tokens)]
    x = x + weights[f"{embeddings}.position_embeddings.weight"][: len(tokens)]
    x = norm(x + weights[f"{embeddings}.token_type_embeddings.weight"][0], f"{embeddings}.LayerNorm")
    for number in range(LAYERS):
        layer = f"bert.encoder.layer.{number}"
        attended = linear(attend(x, f"{layer}.attention.self"), f"{layer}.attention.output.dense")
        x = norm(x + attended, f"{layer}.attention.output.LayerNorm")
        inner = _gelu(linear(x, f"{layer}.intermediate.dense"))
        x = norm(x + linear(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    head = "cls.predictions.transform"
    x = norm(_gelu(linear(x, f"{head}.dense")), f"{head}.LayerNorm")
    logits = x @ weights[f"{embeddings}.word_embeddings.weight"].T + weights["cls.predictions.bias"]
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _gelu(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 0.5 * x * (1 + _erf(x / math.sqrt(2)))


def log_likelihood_ratio(
    weights: Weights, contig: str, start: int, reference: str, alternate: str, k: int = 3, positions: int = 40
) -> float:
    """The score by its definition, with letters: both strands, at most `positions` tokens, no base but A, C, G, T.

    Args:
        weights: Of the model.
        contig: Its letters.
        start: 0-based position of the first base that changes.
        reference: Bases that are replaced, all from the first that changes to the last.
        alternate: What stands in their place.
        k: Bases in a word.
        positions: How many tokens the model reads.
    """
    length = positions - 2 + k - 1
    first = start - (length // 2 - 1)
    window = "".join(contig[at] if 0 <= at < len(contig) else "N" for at in range(first, first + length))
    edit = start - first
    changed = window[:edit] + alternate + window[edit + len(reference) :]
    left = window.rfind("N", 0, edit) + 1
    right = window.find("N", edit)
    stretch = slice(left, right if right >= 0 else length)
    both = window[stretch], changed[stretch]
    strands = [one_strand(weights, *both, k), one_strand(weights, *map(_other_strand, both), k)]
    return sum(strands) / 2


def one_strand(weights: Weights, reference: str, alternate: str, k: int) -> float:
    known = {word: token for token, word in enumerate(words(k))}
    before, after = ([known[one[at : at + k]] for at in range(len(one) - k + 1)] for one in (reference, alternate))
    hidden = [at for at in range(len(before)) if before[at] != after[at]]
    shown = [known["[MASK]"] if at in hidden else token for at, token in enumerate(before)]
    found = log_probabilities(weights, [known["[CLS]"], *shown, known["[SEP]"]])
    return float(sum(found[at + 1, after[at]] - found[at + 1, before[at]] for at in hidden))


def _other_strand(letters: str) -> str:
    return letters[::-1].translate(str.maketrans("ACGT", "TGCA"))
