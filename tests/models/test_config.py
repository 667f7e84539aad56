"""The values of a configuration must be consistent; a wrong one is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from elastictok_cli.errors import UsageError
from elastictok_cli.models.elastic.config import PRESETS, ElasticConfig, config_named

from .streams import FSQ, VAE


def test_the_published_configurations() -> None:
    fsq, vae = PRESETS["fsq"], PRESETS["vae"]
    assert (fsq.max_toks, fsq.gop_blocks, fsq.pre_latent_size, fsq.latent_size) == (4096, 4, 6, 6)
    assert (vae.max_toks, vae.gop_blocks, vae.pre_latent_size, vae.latent_size) == (2048, 4, 16, 8)
    assert (fsq.head_size, fsq.patch_values, vae.patch_values) == (128, 192, 384)
    assert config_named("fsq") is fsq


def test_a_file_gives_the_same_configuration_back(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(json.dumps(json.loads(VAE.to_json()) | {"seed": 7, "search": []}))
    assert config_named(str(path)) == VAE


def test_a_model_for_one_block_has_gops_of_one() -> None:
    assert replace(FSQ, max_sequence_length=FSQ.max_toks).gop_blocks == 1
    assert replace(FSQ, max_sequence_length=100 * FSQ.max_toks).gop_blocks == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"max_toks": 31}, "max_toks is 31, but a block has 32 patches"),
        ({"patch_size": [1, 7, 8]}, "do not fill a block"),
        ({"patch_size": [8, 8]}, "patch_size is"),
        ({"num_attention_heads": 3}, "3 heads"),
        ({"hidden_size": 0}, "hidden_size is 0"),
        ({"hidden_size": 1 << 40}, "hidden_size is"),
        ({"hidden_size": "32"}, "hidden_size is '32'"),
        ({"rms_norm_eps": 0}, "rms_norm_eps is 0"),
        ({"rms_norm_eps": float("nan")}, "rms_norm_eps is nan"),
        ({"theta": True}, "theta is 'True'"),
        ({"bottleneck_type": "vq"}, "bottleneck_type is 'vq'"),
        ({"min_toks": 33}, "fewer tokens than min_toks"),
        ({"max_sequence_length": 16}, "more than max_sequence_length"),
        ({"name": "../../etc/passwd"}, "name is"),
    ],
    ids=str,
)
def test_an_inconsistent_value_is_named(changes: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        ElasticConfig.from_mapping(json.loads(FSQ.to_json()) | changes)
    assert said in str(caught.value)


def test_a_missing_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="hidden_size, .*theta"):
        ElasticConfig.from_mapping({"bottleneck_type": "fsq"})
    for text in ("", "[1]", "{", '{"a": 1}'):
        (tmp_path / "c.json").write_text(text)
        with pytest.raises(UsageError, match=r"c\.json"):
            config_named(str(tmp_path / "c.json"))
    with pytest.raises(UsageError, match="give fsq, vae or a JSON file"):
        config_named(str(tmp_path / "none.json"))
