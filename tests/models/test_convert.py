"""`convert`: it writes the values of the parameter file, and reports a wrong file in one line."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from elastictok_cli.errors import ElasticTokError, InputError, OutputError
from elastictok_cli.models.elastic.config import PRESETS
from elastictok_cli.models.elastic.convert import convert, vae_scale

from . import streams
from .streams import (
    FSQ,
    VAE,
    packed,
    packed_array,
    packed_bytes,
    packed_list,
    packed_text,
    tensors,
    write_params,
)

WHOLE = b"".join(packed(key, values) for key, values in tensors(FSQ))


def refused(folder: Path, data: bytes, config: streams.ElasticConfig = FSQ) -> str:
    """The error message for these bytes. Checks that no file is left behind."""
    params = folder / "params"
    params.write_bytes(data)
    with pytest.raises(ElasticTokError) as caught:
        convert(params, config, folder / "out.safetensors")
    assert [path.name for path in folder.iterdir()] == ["params"]
    message = str(caught.value)
    assert "\n" not in message and len(message) < 300
    return message


@pytest.mark.parametrize("scanned", [True, False])
def test_every_weight_is_written_and_transposed_for_torch(tmp_path: Path, scanned: bool) -> None:
    source = dict(tensors(FSQ, scanned=scanned))
    output = tmp_path / "out.safetensors"
    count = convert(write_params(tmp_path / "params", FSQ, scanned=scanned), FSQ, output)
    written = load_file(output)
    assert count == sum(value.size for value in source.values()) == sum(value.size for value in written.values())
    stack = "scan_decoder" if scanned else "1"
    wq = source[f"encoder/encoder_blocks/{stack}/attention/wq/kernel"]
    np.testing.assert_array_equal(
        written["encoder.transformer.layers.1.attention.wq.weight"], (wq[1] if scanned else wq).T
    )
    np.testing.assert_array_equal(written["decoder.out_proj.weight"], source["decoder/out_proj/kernel"].T)
    np.testing.assert_array_equal(written["encoder.is_kept"], source["encoder/is_kept_embed"])


def test_bfloat16_stays_bfloat16_and_widens_exactly(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file as load_torch

    output = tmp_path / "out.safetensors"
    convert(write_params(tmp_path / "params", FSQ, bf16=True), FSQ, output)
    value = load_torch(output)["decoder.out_proj.weight"]
    assert value.dtype == torch.bfloat16
    source = dict(tensors(FSQ))["decoder/out_proj/kernel"]
    cut = (source.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    np.testing.assert_array_equal(value.float().numpy(), cut.T)


def test_the_same_stream_in_any_order_gives_the_same_bytes(tmp_path: Path) -> None:
    pieces = [packed(key, values) for key, values in tensors(FSQ)]
    for name, order in (("a", pieces), ("b", pieces[::-1])):
        (tmp_path / name).write_bytes(b"".join(order))
        convert(tmp_path / name, FSQ, tmp_path / f"{name}.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_a_tensor_in_pieces_is_one_tensor(tmp_path: Path) -> None:
    data = b""
    for key, values in tensors(FSQ):
        if key != "encoder/in_proj/kernel":
            data += packed(key, values)
            continue
        flat = values.reshape(-1)
        pieces = (flat[:1000], flat[1000:])
        chunked = (
            b"\x83"
            + packed_text("__msgpack_chunked_array__")
            + b"\xc3"
            + packed_text("shape")
            + bytes([0x80 | values.ndim])
            + b"".join(packed_text(str(i)) + streams.packed_uint(n) for i, n in enumerate(values.shape))
            + packed_text("chunks")
            + b"\x82"
            + b"".join(packed_text(str(i)) + packed_array(piece) for i, piece in enumerate(pieces))
        )
        name = packed_list(packed_text(part) for part in key.split("/"))
        data += packed_list([name, packed_bytes(chunked)])
    (tmp_path / "params").write_bytes(data)
    convert(tmp_path / "params", FSQ, tmp_path / "out.safetensors")
    whole = dict(tensors(FSQ))["encoder/in_proj/kernel"]
    np.testing.assert_array_equal(load_file(tmp_path / "out.safetensors")["encoder.in_proj.weight"], whole.T)


def test_the_published_sizes_add_up() -> None:
    for name, weights in (("fsq", 210_165_760), ("vae", 210_571_264)):
        config = PRESETS[name]
        width, inner, values = config.hidden_size, config.intermediate_size, config.patch_values
        layers = config.num_encoder_layers + config.num_decoder_layers
        ends = 2 * values * width + 4 * width + width * (config.pre_latent_size + config.latent_size)
        assert ends + layers * (4 * width**2 + 3 * width * inner + 2 * width) == weights


def test_an_existing_output_stays_without_overwrite(tmp_path: Path) -> None:
    params, output = write_params(tmp_path / "params", FSQ), tmp_path / "out.safetensors"
    output.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists"):
        convert(params, FSQ, output)
    assert output.read_bytes() == b"precious"
    convert(params, FSQ, output, overwrite=True)
    assert len(load_file(output)) > 10
    with pytest.raises(OutputError, match="input itself"):
        convert(params, FSQ, params, overwrite=True)


def test_a_link_stays_and_a_dangling_link_counts_as_existing(tmp_path: Path) -> None:
    params, link = write_params(tmp_path / "params", FSQ), tmp_path / "out.safetensors"
    link.symlink_to(tmp_path / "store.bin")
    with pytest.raises(OutputError, match="exists"):
        convert(params, FSQ, link)
    convert(params, FSQ, link, overwrite=True)
    assert link.is_symlink() and len(load_file(tmp_path / "store.bin")) > 10


def test_a_damaged_stream_does_not_replace_a_whole_output(tmp_path: Path) -> None:
    output = tmp_path / "out.safetensors"
    output.write_bytes(b"precious")
    bad = dict(tensors(FSQ))
    bad["decoder/out_proj/kernel"][3, 5] = np.nan
    (tmp_path / "params").write_bytes(b"".join(packed(key, values) for key, values in bad.items()))
    with pytest.raises(InputError, match="decoder/out_proj/kernel holds numbers that are not finite"):
        convert(tmp_path / "params", FSQ, output, overwrite=True)
    assert output.read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.safetensors", "params"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (pickle.dumps({"a": 1}), "pickle, which can run code and is never opened"),
        (pickle.dumps([1, 2], protocol=2), "pickle"),
        (b"PK\x03\x04" + b"\0" * 100, "PyTorch"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "git lfs pull"),
        (b"<!doctype html>", "HTML"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"something else", "not a parameter file"),
        (b"\0" * 64, "not a parameter file"),
        (WHOLE[:-1], "ends 1 bytes too early"),
        (WHOLE[: len(WHOLE) // 2], "fetch the file again"),
        (WHOLE + b"\x01", "the object at byte"),
        (WHOLE + WHOLE[: len(packed(*next(tensors(FSQ))))], "the second tensor of this name"),
        (packed("opt_state/x/y", np.zeros(3, np.float32)), "holds no weights"),
    ],
    ids=range(14),
)
def test_any_other_or_damaged_file_is_reported_in_one_line(tmp_path: Path, data: bytes, said: str) -> None:
    assert said in refused(tmp_path, data)


def test_keys_and_shapes_must_be_those_of_the_configuration(tmp_path: Path) -> None:
    without = b"".join(packed(k, v) for k, v in tensors(FSQ) if k != "decoder/ln_f/kernel")
    assert "decoder/ln_f/kernel missing; is the configuration (tiny-fsq)" in refused(tmp_path, without)
    more = WHOLE + packed("encoder/extra/kernel", np.zeros(3, np.float32))
    assert "encoder/extra/kernel not part of such a model" in refused(tmp_path, more)
    deeper = replace(FSQ, num_encoder_layers=3)
    assert "is 2x32x32, the configuration (tiny-fsq) needs 3x32x32" in refused(tmp_path, WHOLE, deeper)
    assert "needs" in refused(tmp_path, WHOLE, VAE)
    wide = b"".join(packed(k, v[:, :-1] if k.endswith("in_proj/kernel") else v) for k, v in tensors(FSQ))
    assert "encoder/in_proj/kernel is 192x31" in refused(tmp_path, wide)


def test_other_number_types_are_refused(tmp_path: Path) -> None:
    data = WHOLE.replace(packed_text("float32"), packed_text("object0"), 1)
    assert "numbers of type 'object0'" in refused(tmp_path, data)


def test_a_wrong_length_is_refused_before_memory_is_allocated(tmp_path: Path) -> None:
    key = packed_list([packed_text("encoder"), packed_text("x")])
    lies = [
        b"\x92" + key + b"\xc6\xff\xff\xff\xff" + b"\0" * 50,
        b"\xdd\xff\xff\xff\xff" + key,
        b"\x92\xdd\x7f\xff\xff\xff",
        b"\x92" + key + packed_bytes(b"\xc9\xff\xff\xff\xf0\x01" + b"\0" * 50),
        b"\x92" + key + packed_bytes(b"\xc7\x30\x05" + b"\0" * 48),
        b"\x92" + packed_list([packed_text("encoder"), packed_text("\n\x1b[31m")]) + b"\xc0",
    ]
    for lie in lies:
        assert "params: " in refused(tmp_path, WHOLE[: len(packed(*next(tensors(FSQ))))] + lie)
    huge = packed_list([streams.packed_uint(2**31)] * 8)
    inner = packed_list([huge, packed_text("float32"), packed_bytes(b"")])
    blob = packed_bytes(b"\xc8" + len(inner).to_bytes(2, "big") + b"\x01" + inner)
    assert "bytes of numbers for a shape" in refused(tmp_path, packed_list([key, blob]))


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 3000), value=st.integers(0, 255), cut=st.integers(1, 4000))
def test_damage_is_refused_or_harmless_and_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int, cut: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    params, output = folder / "damaged", folder / "damaged.safetensors"
    small = replace(
        FSQ,
        hidden_size=4,
        intermediate_size=4,
        num_encoder_layers=1,
        num_decoder_layers=1,
        patch_size=(1, 16, 16),
        max_toks=8,
    )
    whole = bytearray(b"".join(packed(key, values) for key, values in tensors(small)))
    whole[at % len(whole)] = value
    for data in (bytes(whole), bytes(whole[: -min(cut, len(whole) - 1)])):
        params.write_bytes(data)
        try:
            convert(params, small, output, overwrite=True)
        except ElasticTokError as error:
            assert "\n" not in str(error)


def test_the_vae_scale_spans_ten_deviations_and_is_rounded_coarsely() -> None:
    rng = np.random.default_rng(0)
    norm, kernel = rng.normal(1, 0.3, 64).astype(np.float32), rng.normal(0, 0.2, (64, 10)).astype(np.float32)
    scale = vae_scale(norm, kernel, 5)
    deviation = np.sqrt(((norm[:, None] * kernel[:, :5]) ** 2).sum(0))
    assert (scale * 127 >= 10 * deviation).all() and (scale * 127 < 12.6 * deviation).all()
    assert set(np.frexp(scale)[0].tolist()) <= {0.5, 0.625, 0.75, 0.875}
