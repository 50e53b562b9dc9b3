"""Reading a DNABERT: strictly, without running anything of its directory, whatever the file's kind."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from enformer_vep.errors import DependencyError, ModelError
from enformer_vep.models.dnabert import bert
from enformer_vep.models.dnabert.masked_engine import known_stretch
from enformer_vep.models.dnabert.vocabulary import kmer_numbers, read_vocabulary
from tests.models.tiny_bert import MARKS, log_probabilities, make_bert, random_weights, save_weights, words


def load(directory: Path) -> bert.MaskedModel:
    return bert.load_masked_model(f"dnabert:{directory}")


def test_the_network_is_the_one_written_out_by_hand(tmp_path: Path) -> None:
    weights = make_bert(tmp_path, k=2, positions=12)
    model = load(tmp_path)
    assert (model.vocabulary.k, model.tokens, model.window) == (2, 12, 11)
    tokens = [2, 7, 4, 9, 20, 3]
    with torch.inference_mode():
        logits = model.network.double()(input_ids=torch.tensor([tokens])).logits[0]
    np.testing.assert_allclose(torch.log_softmax(logits, 1).numpy(), log_probabilities(weights, tokens), atol=1e-11)


def test_six_mers_fill_512_tokens(tmp_path: Path) -> None:
    make_bert(tmp_path, k=6, positions=600)
    model = load(tmp_path)
    assert (model.vocabulary.k, model.vocabulary.size, model.tokens, model.window) == (6, 4101, 512, 515)
    listed = words(6)
    assert listed[model.vocabulary.words[0]] == "AAAAAA"
    assert listed[model.vocabulary.words[0b000111100100]] == "ACTGCA"


def test_identity_is_that_of_the_weights_not_of_the_file(tmp_path: Path) -> None:
    make_bert(tmp_path / "a")
    make_bert(tmp_path / "b", name="pytorch_model.bin")
    make_bert(tmp_path / "c", seed=1)
    make_bert(tmp_path / "d")
    (tmp_path / "d" / "vocab.txt").write_text("".join(f"{word}\n" for word in [*MARKS, *sorted(words(3)[5:])]))
    digests = [load(tmp_path / name).sha256 for name in "abcd"]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_other_heads_and_second_names_are_passed_over(tmp_path: Path) -> None:
    weights = make_bert(tmp_path)
    plain = load(tmp_path).sha256
    more = {
        "cls.predictions.decoder.weight": weights["bert.embeddings.word_embeddings.weight"],
        "cls.predictions.decoder.bias": weights["cls.predictions.bias"],
        "bert.pooler.dense.weight": np.zeros((16, 16)),
        "cls.seq_relationship.bias": np.zeros(2),
        "bert.embeddings.position_ids": np.zeros((1, 40)),
    }
    save_weights(tmp_path / "model.safetensors", weights | more)
    assert load(tmp_path).sha256 == plain


def without(name: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        weights = random_weights(69, 40, 0)
        del weights[name]
        save_weights(path / "model.safetensors", weights)

    return damage


def with_more(path: Path) -> None:
    save_weights(path / "model.safetensors", random_weights(69, 40, 0) | {"classifier.weight": np.zeros((2, 16))})


def with_nan(path: Path) -> None:
    weights = random_weights(69, 40, 0)
    weights["bert.encoder.layer.1.output.dense.bias"][0] = np.nan
    save_weights(path / "model.safetensors", weights)


def of_fewer_positions(path: Path) -> None:
    save_weights(path / "model.safetensors", random_weights(69, 39, 0))


def configured(**values: object) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        config = json.loads((path / "config.json").read_text())
        (path / "config.json").write_text(json.dumps(config | values))

    return damage


def worded(lines: list[str]) -> Callable[[Path], None]:
    return lambda path: (path / "vocab.txt").write_text("\n".join(lines)) and None


def without_file(name: str) -> Callable[[Path], None]:
    return lambda path: (path / name).unlink()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (without("cls.predictions.bias"), "1 missing: cls.predictions.bias"),
        (without("bert.encoder.layer.1.output.dense.bias"), "1 missing: bert.encoder.layer.1.output.dense.bias"),
        (with_more, "1 extra: classifier.weight"),
        (of_fewer_positions, "1 misshapen: bert.embeddings.position_embeddings.weight"),
        (configured(model_type="roberta"), "not the configuration of a BERT"),
        (configured(position_embedding_type="relative_key"), "positions that are not absolute"),
        (configured(hidden_size="16"), "hidden_size is '16', not a whole number"),
        (configured(num_attention_heads=3), "no network has this shape"),
        (configured(hidden_act="tangent"), "no network has this shape"),
        (configured(hidden_act=["gelu"]), "hidden_act cannot be ['gelu']"),
        (configured(layer_norm_eps=None), "layer_norm_eps cannot be None"),
        (configured(layer_norm_eps=-1.0), "layer_norm_eps cannot be -1.0"),
        (configured(tie_word_embeddings="no"), "tie_word_embeddings cannot be 'no'"),
        (with_nan, "bert.encoder.layer.1.output.dense.bias not finite"),
        (configured(vocab_size=68), "69 words in vocab.txt, and 68 in config.json"),
        (configured(max_position_embeddings=9), "9 positions are too few for 3-mers"),
        (worded(words(3)[:-1]), "63 words of A, C, G and T, the longest of 3 letters"),
        (worded([*words(3), "AC"]), "65 words of A, C, G and T"),
        (worded([*MARKS, "AC", "GAT", "TTACA"]), "3 words of A, C, G and T, the longest of 5 letters"),
        (worded([one for one in words(3) if one != "[MASK]"]), "no [MASK] in the vocabulary"),
        (without_file("vocab.txt"), "only models that have a word for each of the 4^k k-mers"),
        (without_file("config.json"), "no directory with a config.json"),
        (without_file("model.safetensors"), "no model.safetensors or pytorch_model.bin"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path: Path, damage: Callable[[Path], None], said: str) -> None:
    make_bert(tmp_path)
    damage(tmp_path)
    with pytest.raises(ModelError) as error:
        load(tmp_path)
    assert said in str(error.value)
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_nothing_of_the_directory_is_run(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    make_bert(tmp_path)
    (tmp_path / "modeling.py").write_text(f"open({str(sprung)!r}, 'w')\n")
    configured(auto_map={"AutoModelForMaskedLM": "modeling.Model", "AutoConfig": "modeling.Config"})(tmp_path)
    load(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save({"cls.predictions.bias": Trap(sprung)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="holds more than tensors, which is never run"):
        load(tmp_path)
    assert not sprung.exists()


def test_the_name_alone_means_the_hub_s_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[str, str]] = []

    def look(repository: str, name: str) -> str | None:
        found.append((repository, name))
        return str(tmp_path / name) if (tmp_path / name).exists() else None

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", look)
    with pytest.raises(ModelError, match="is not on this machine: run `hf download zhihan1996/DNA_bert_6`"):
        bert.load_masked_model("dnabert")
    make_bert(tmp_path)
    assert bert.load_masked_model("dnabert").name == "dnabert"
    assert set(found) == {("zhihan1996/DNA_bert_6", "config.json")}


def test_without_transformers_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_bert(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(DependencyError, match="enformer-vep\\[dnabert\\]"):
        load(tmp_path)


def test_kmers_are_numbered_in_alphabetical_order(tmp_path: Path) -> None:
    codes = torch.tensor([[0, 1, 2, 3, 4, 0, 0]], dtype=torch.uint8)
    assert kmer_numbers(codes, 2).tolist() == [[1, 6, 11, -1, -1, 0]]
    make_bert(tmp_path, k=2)
    vocabulary = read_vocabulary(tmp_path / "vocab.txt")
    listed = words(2)
    assert [listed[token] for token in vocabulary.words] == sorted(listed[5:])


def test_a_stretch_ends_at_the_nearest_unknown_words() -> None:
    reference = torch.tensor([[5, -1, 3, 4, 5, 6, -1, 8], [0, 1, 2, 3, 4, 5, 6, 7], [-1, -1, 2, 3, 4, 5, 6, -1]])
    alternate = reference.clone()
    alternate[0, 3:5] += 1
    alternate[1, 0] += 1
    alternate[2, 6] += 1
    start, length = known_stretch(reference, alternate)
    assert (start.tolist(), length.tolist()) == ([2, 0, 2], [4, 8, 5])
