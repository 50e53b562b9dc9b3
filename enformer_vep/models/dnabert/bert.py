"""A BERT in the hub's layout, one directory of config.json, vocab.txt and weights, through the transformers library.

Nothing in the directory is run: the network is transformers' own `BertForMaskedLM`, whatever code lies beside it, the
configuration gives the shape alone, and weights are read as tensors. Nothing is fetched.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from enformer_vep.errors import DependencyError, ModelError
from enformer_vep.models.digest import digest_parts, identity
from enformer_vep.models.dnabert.vocabulary import Vocabulary, read_vocabulary
from enformer_vep.models.enformer.huggingface import CONFIG_NAME, WEIGHT_NAMES
from enformer_vep.models.layouts import Shape
from enformer_vep.models.stores import WeightStore, open_store, require_finite
from enformer_vep.settings import DNABERT

logger = logging.getLogger(__name__)

REPOSITORY = "zhihan1996/DNA_bert_6"
"""What `dnabert` alone stands for: the published model of 6-mers, if it is in the hub's cache."""
VOCABULARY_NAME = "vocab.txt"
LARGEST_TOKENS = 512
"""What DNABERT was trained on; a model of fewer positions reads fewer."""

# What of a configuration shapes the network; all else is about training or other tasks.
_WHOLE = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
    "pad_token_id",
)
_OTHER: Mapping[str, type] = {"hidden_act": str, "layer_norm_eps": float, "tie_word_embeddings": bool}
# Of other heads that a checkpoint may have, and constants that old versions of transformers stored.
_UNUSED = ("bert.pooler.", "cls.seq_relationship.", "bert.embeddings.position_ids", "bert.embeddings.token_type_ids")
_OUTPUT = "cls.predictions.decoder."
_NAMED_AT_MOST = 3


@dataclass(frozen=True, slots=True)
class MaskedModel:
    """A masked language model that is ready to predict.

    Attributes:
        network: transformers' `BertForMaskedLM`, in evaluation mode, float32, on the CPU.
        vocabulary: Its words.
        tokens: How many it reads at most, the two marks included.
        name: What to call it.
        sha256: Identity of its weights, shape and vocabulary.
    """

    network: Any
    vocabulary: Vocabulary
    tokens: int
    name: str
    sha256: str

    @property
    def window(self) -> int:
        """Base pairs that it reads."""
        return self.vocabulary.count_bases(self.tokens)


def load_masked_model(source: str) -> MaskedModel:
    """Load a model.

    Args:
        source: "dnabert:DIRECTORY", or "dnabert" for the published model of 6-mers out of the hub's cache.

    Raises:
        ModelError: When files are missing, damaged or do not fit each other.
        DependencyError: When transformers is not installed.
    """
    directory = find_directory(source)
    vocabulary = read_vocabulary(directory / VOCABULARY_NAME)
    values = read_shape(directory / CONFIG_NAME)
    if vocabulary.size > values["vocab_size"]:
        raise ModelError(
            f"{directory}: {vocabulary.size} words in {VOCABULARY_NAME}, and {values['vocab_size']} in {CONFIG_NAME}: "
            "use the files that came with the weights"
        )
    tokens = min(LARGEST_TOKENS, values["max_position_embeddings"])
    if vocabulary.count_bases(tokens) < 4 * vocabulary.k:
        raise ModelError(f"{directory / CONFIG_NAME}: {tokens} positions are too few for {vocabulary.k}-mers")
    network = _build(values, directory / CONFIG_NAME)
    store = open_store(_weight_file(directory))
    weights = _read_weights(network, store)
    require_finite(store.path, weights)
    parts = {
        **digest_parts(weights, lambda name: weights[name]),
        "shape": hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest(),
        "words": vocabulary.digest,
    }
    # In place, so that what is one tensor under two names stays one.
    network.load_state_dict(weights, strict=False)
    name = source if source == DNABERT else directory.resolve().name
    model = MaskedModel(network.requires_grad_(False).eval(), vocabulary, tokens, name, identity(parts))
    logger.info("model %s: %d-mers, %d tokens, sha256 %s", name, vocabulary.k, tokens, model.sha256)
    return model


def find_directory(source: str) -> Path:
    """Where the files of a model lie; raises ModelError when they are not there."""
    if source == DNABERT:
        return _cached_directory()
    directory = Path(source.removeprefix(f"{DNABERT}:"))
    if not (directory / CONFIG_NAME).is_file():
        raise ModelError(f"{directory}: no directory with a {CONFIG_NAME}: give the model's own as {DNABERT}:DIRECTORY")
    return directory


def read_shape(path: Path) -> dict[str, Any]:
    """Read of a config.json what shapes the network, as keyword arguments of `BertConfig`.

    Raises:
        ModelError: When it cannot be read, or is of another kind of network.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot read the model configuration ({error}): copy it again") from error
    if not isinstance(values, dict) or values.get("model_type", "bert") != "bert":
        raise ModelError(f"{path}: not the configuration of a BERT: {DNABERT} takes DNABERT (k-mers) alone")
    if values.get("position_embedding_type", "absolute") != "absolute":
        raise ModelError(f"{path}: positions that are not absolute, as DNABERT's are: use its configuration")
    shape = {"max_position_embeddings": LARGEST_TOKENS} | {name: values[name] for name in _WHOLE if name in values}
    wrong = [name for name, value in shape.items() if type(value) is not int or value < (name != "pad_token_id")]
    if wrong or "vocab_size" not in shape:
        name = wrong[0] if wrong else "vocab_size"
        raise ModelError(f"{path}: {name} is {shape.get(name)!r}, not a whole number: copy the file again")
    others = {name: values[name] for name in _OTHER if name in values}
    for name, value in others.items():
        if type(value) is not _OTHER[name] or (isinstance(value, float) and value <= 0):
            raise ModelError(f"{path}: {name} cannot be {value!r}: use the file that came with the weights")
    return shape | others


def require_transformers() -> Any:
    """Import transformers; DependencyError when it is not installed."""
    try:
        import transformers
    except ImportError:
        raise DependencyError(
            "dnabert needs transformers; install it with: pip install 'enformer-vep[dnabert]'"
        ) from None
    return transformers


def _cached_directory() -> Path:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(REPOSITORY, CONFIG_NAME)
    if not isinstance(found, str):
        raise ModelError(
            f"{REPOSITORY} is not on this machine: run `hf download {REPOSITORY}` where there is a network "
            f"and point HF_HOME to a copy of its cache, or give {DNABERT}:DIRECTORY"
        )
    return Path(found).parent


def _weight_file(directory: Path) -> Path:
    for name in WEIGHT_NAMES:
        if (directory / name).is_file():
            return directory / name
    raise ModelError(f"{directory}: no {' or '.join(WEIGHT_NAMES)} beside {CONFIG_NAME}: copy it there")


def _build(values: Mapping[str, Any], path: Path) -> Any:
    transformers = require_transformers()
    try:
        # The plain form of attention, which every version has.
        config = transformers.BertConfig(**values, attn_implementation="eager")
        network = transformers.BertForMaskedLM(config)
    except (ValueError, TypeError, KeyError, RuntimeError, AssertionError) as error:
        raise ModelError(
            f"{path}: no network has this shape ({error}): use the file that came with the weights"
        ) from error
    network.tie_weights()
    return network


def _read_weights(network: Any, store: WeightStore) -> dict[str, Tensor]:
    """Every weight once, float32; raises ModelError when one is missing, misshapen, or nobody's."""
    shapes: dict[str, Shape] = {name: tuple(one.shape) for name, one in network.state_dict().items()}
    repeated = _repeated_names(network)
    wanted = {name for name in shapes if name not in repeated and not name.startswith(_UNUSED)}
    stored = store.shapes
    problems = {
        "missing": sorted(wanted - stored.keys()),
        "extra": sorted(name for name in stored.keys() - shapes.keys() if not name.startswith(_UNUSED)),
        "misshapen": sorted(name for name in wanted & stored.keys() if stored[name] != shapes[name]),
    }
    found = [f"{len(names)} {kind}: {', '.join(names[:_NAMED_AT_MOST])}" for kind, names in problems.items() if names]
    if found:
        raise ModelError(
            f"{store.path}: tensors do not fit {CONFIG_NAME} ({'; '.join(found)}): "
            "use the weights of the masked language model that the configuration belongs to"
        )
    return {name: store.read(name).float().contiguous() for name in sorted(wanted)}


def _repeated_names(network: Any) -> set[str]:
    """Of the output layer, the tensors that are those of the embedding, or its own bias, under a second name."""
    state = network.state_dict(keep_vars=True)
    first = {id(one) for name, one in state.items() if not name.startswith(_OUTPUT)}
    return {name for name, one in state.items() if name.startswith(_OUTPUT) and id(one) in first}
