import pytest

from enformer_vep.errors import ModelError
from enformer_vep.models.enformer.config import EnformerConfig


def test_published_model() -> None:
    config = EnformerConfig()
    assert config.tower_channels == (768, 896, 1024, 1152, 1280, 1536)
    assert (config.bin_width, config.tokens, config.crop) == (128, 1536, 320)
    assert (config.value_size, config.positional_features) == (192, 192)


def test_golden_model() -> None:
    config = EnformerConfig(channels=96, attention_heads=4, channel_multiple=16, window=3072, target_length=16)
    assert config.tower_channels == (48, 48, 64, 80, 80, 96)
    assert (config.tokens, config.crop, config.positional_features) == (24, 4, 24)


def test_dictionary_there_and_back() -> None:
    config = EnformerConfig(channels=96, output_tracks={"human": 3})
    assert EnformerConfig.from_dict(config.to_dict()) == config


def test_unknown_key() -> None:
    with pytest.raises(ModelError, match="unknown model configuration flavour"):
        EnformerConfig.from_dict({"flavour": 1})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 100}, "100 channels"),
        ({"channels": 16}, "at least 6, not 2"),
        ({"window": 1000}, "multiple of 256 bp, not 1000: use --window"),
        ({"window": 65_536}, "896 bins cannot be cut from the middle of the 512 tokens"),
        ({"target_length": 895}, "895 bins"),
        ({"target_length": 0}, "0 bins"),
    ],
)
def test_impossible_shapes(change: dict[str, int], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        EnformerConfig(**change)
