"""One model against the arrays of the original: activations, tokens, pixels, caches, searches."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from replay import Golden, linear_counts, replay
from report import NEAR, Report
from torch import Tensor, nn

from elastictok_cli.models.elastic.bottleneck import FSQ
from elastictok_cli.models.elastic.config import ElasticConfig
from elastictok_cli.models.elastic.convert import convert
from elastictok_cli.models.elastic.layers import KvCache, extend_cache
from elastictok_cli.models.elastic.load import load_network
from elastictok_cli.models.elastic.network import Elastic
from elastictok_cli.models.elastic.pixels import to_uint8_truncated
from elastictok_cli.models.elastic.preprocess import resize_and_crop

Array = npt.NDArray[Any]
MOST_TOKENS = 4096  # in one batch of candidates


def check_model(folder: Path, report: Report) -> None:
    """Check all arrays of one folder."""
    settings = json.loads((folder / "config.json").read_text())
    with np.load(folder / "input.npz") as file:
        inputs = dict(file)
    with np.load(folder / "golden.npz") as file:
        golden = dict(file)
    with torch.inference_mode():
        _Case(folder, settings, inputs, golden, report).check()


def load(params: Path, config: ElasticConfig) -> Elastic:
    """Load the network from the original's parameters, through the converter."""
    with TemporaryDirectory() as place:
        output = Path(place) / "model.safetensors"
        convert(params, config, output)
        return load_network(output, torch.device("cpu"))


class _Case:
    def __init__(
        self,
        folder: Path,
        settings: dict[str, Any],
        inputs: dict[str, Array],
        golden: dict[str, Array],
        report: Report,
    ) -> None:
        self.folder, self.name, self.settings, self.report = folder, folder.name, settings, report
        self.inputs, self.golden = inputs, golden
        self.config = ElasticConfig.from_mapping(settings)
        params = folder / "params"
        self.model = load(params if params.exists() else folder / "params_bf16", self.config)
        self.frames = torch.from_numpy(inputs["frames"])
        self.patches = self.model.patches(self.frames)  # (batch, tokens, values)
        self.batch, length = self.patches.shape[:2]
        self.most = self.config.max_toks
        self.blocks = length // self.most
        self.kept = inputs["kept"].astype(np.int64)  # (batch, blocks)
        self.mask = self.mask_of(self.kept)
        self.seen: set[str] = set()

    def mask_of(self, kept: Array) -> Tensor:
        """(batch, blocks) tokens kept to bool (batch, tokens)."""
        mask = np.arange(self.most) < np.asarray(kept)[..., None]
        return torch.from_numpy(mask.reshape(len(kept), -1))

    def take(self, key: str) -> Array | None:
        self.seen.add(key)
        return self.golden.get(key)

    def close(self, key: str, got: Any, rtol: float = 0.0, where: Array | None = None) -> None:
        golden = self.take(key)
        if golden is not None:
            self.report.close(f"{self.name} {key}", got, golden, rtol=rtol, where=where)

    def same(self, key: str, got: Any, where: Array | None = None) -> None:
        golden = self.take(key)
        if golden is not None:
            self.report.same(f"{self.name} {key}", got, golden, where=where)

    def bytes(self, key: str, got: Any) -> None:
        golden = self.take(key)
        if golden is not None:
            self.report.bytes(f"{self.name} {key}", got, golden)

    def check(self) -> None:
        self.check_inputs()
        if (self.folder / "params_bf16").exists():
            self.check_run("bf16", load(self.folder / "params_bf16", self.config), self.mask)
        if (self.folder / "params").exists():
            self.check_run("main", self.model, self.mask, taps=True)
            self.check_run("all", self.model, torch.ones_like(self.mask))
            self.check_fixed()
            self.check_cached()
            for entry in self.settings.get("search", []):
                self.check_search(entry)
        for key in sorted(self.golden.keys() - self.seen):
            self.report.skip(f"{self.name} {key}")

    def check_inputs(self) -> None:
        vision = np.rint((self.patches.numpy() + 1) * 127.5)
        self.report.same(f"{self.name} input.vision", vision, self.inputs["vision"])
        self.report.same(f"{self.name} input.encoding_mask", self.mask.numpy(), self.inputs["encoding_mask"])
        for key in sorted(key for key in self.inputs if key.startswith("image")):
            item = self.inputs["frames"][int(key[5:])]
            frame = resize_and_crop(self.inputs[key], self.config.resolution)
            self.report.same(f"{self.name} input.{key}", np.broadcast_to(frame, item.shape), item)

    # --- full runs

    def margin(self, z: Tensor) -> Array | None:
        """Distance of each FSQ value to where it would round the other way; None for the VAE."""
        bottleneck = self.model.bottleneck
        if not isinstance(bottleneck, FSQ):
            return None
        bounded = bottleneck.bounded(z)
        return (bounded - torch.floor(bounded) - 0.5).abs().numpy()

    def safe(self, margin: Array | None, mask: Tensor | None = None) -> Array | None:
        """Which tokens no noise can move; dropped ones are zero whatever they were."""
        if margin is None:
            return None
        safe: Array = margin.min(-1) >= NEAR
        return safe if mask is None else safe | ~mask.numpy()

    def error(self, recon: Tensor, patches: Tensor) -> Array:
        """Per item and block, (batch, blocks) float32."""
        mean = (recon.clamp(-1, 1) - patches).square().mean(-1)
        return mean.reshape(len(mean), -1, self.most).mean(-1).numpy()

    def check_run(self, run: str, model: Elastic, mask: Tensor, taps: bool = False) -> None:
        tapped: dict[str, Tensor] = {}
        hooks = _tap(model.encoder, "enc", tapped) + _tap(model.decoder, "dec", tapped) if taps else []
        z_pre, _ = model.encoder(self.patches, mask)
        z_post = model.bottleneck(z_pre)
        z = z_post * mask[..., None]
        golden_z = self.golden.get(f"{run}.z")
        recon, _ = model.decode(z if golden_z is None else torch.from_numpy(golden_z))
        for hook in hooks:
            hook.remove()
        for key, value in tapped.items():
            self.close(f"{run}.{key}", value.numpy(), rtol=1e-4)
        self.close(f"{run}.z_pre", z_pre.numpy(), rtol=1e-4)
        margin = self.margin(z_pre)
        if margin is not None:
            golden_margin = self.take(f"{run}.margin")
            margin = margin if golden_margin is None else golden_margin
            self.close(f"{run}.margin", self.margin(z_pre))
            self.same(f"{run}.indices", model.bottleneck.tokens(z), self.safe(margin, mask))
        safe, kept_safe = self.safe(margin), self.safe(margin, mask)
        self.close(f"{run}.z_post", z_post.numpy(), where=None if safe is None else safe[..., None])
        self.close(f"{run}.z", z.numpy(), where=None if kept_safe is None else kept_safe[..., None])
        self.close(f"{run}.recon", recon.numpy())
        self.bytes(f"{run}.recon_u8", to_uint8_truncated(recon))
        self.bytes(f"{run}.recon_frames_u8", to_uint8_truncated(model.pixels(recon)))
        self.close(f"{run}.mse", self.error(recon, self.patches))

    def check_fixed(self) -> None:
        count, golden_z = self.take("fixed.n_codes"), self.take("fixed.z")
        if count is None or golden_z is None:
            return
        mask = self.mask_of(np.full((self.batch, self.blocks), int(count)))
        z_pre, _ = self.model.encoder(self.patches, mask)
        shape = (self.batch, self.blocks, self.most, -1)
        z = self.model.bottleneck(z_pre).reshape(shape)[:, :, : int(count)]
        safe = self.safe(self.margin(z_pre))
        where = None if safe is None else safe.reshape(shape)[:, :, : int(count)]
        self.close("fixed.z", z.numpy(), where=where)
        padded = torch.zeros(self.batch, self.blocks, self.most, z.shape[-1])
        padded[:, :, : int(count)] = torch.from_numpy(golden_z)
        recon, _ = self.model.decode(padded.flatten(1, 2))
        self.bytes("fixed.recon_u8", to_uint8_truncated(recon))

    # --- block after block

    def block(self, tensor: Tensor, number: int) -> Tensor:
        return tensor[:, number * self.most : (number + 1) * self.most]

    def check_cached(self) -> None:
        z = torch.from_numpy(self.golden["main.z"]) if "main.z" in self.golden else None
        source: KvCache | None = None
        shown: KvCache | None = None
        recons, curves = [], []
        for k in range(self.blocks):
            if "mse_by_kept" in self.golden:
                counts = [np.full(self.batch, kept) for kept in range(1, self.most + 1)]
                curves.append(self.candidates(k, counts, source, shown))  # (most, batch)
            mine, new_source = self.model.encode(self.block(self.patches, k), self.block(self.mask, k), source)
            recon, new_shown = self.model.decode(mine if z is None else self.block(z, k), shown)
            source, shown = extend_cache(source, new_source), extend_cache(shown, new_shown)
            recons.append(recon)
        recon = torch.cat(recons, 1)
        self.close("cached.recon", recon.numpy())
        self.close("cached.mse", self.error(recon, self.patches))
        for half, past in (("enc", source), ("dec", shown)):
            assert past is not None
            for part, rows in zip("kv", past[-1], strict=True):
                self.close(f"cached.{half}.{part}_last", rows.transpose(1, 2).numpy(), rtol=1e-4)
        margin = self.take("margin_by_kept")
        if curves:
            where = None if margin is None else margin >= NEAR
            self.close("mse_by_kept", np.stack(curves, 1).transpose(2, 1, 0), where=where)

    def candidates(self, k: int, counts: Sequence[Array], source: KvCache | None, shown: KvCache | None) -> Array:
        """Errors of block k for each entry (batch,) of counts: (entries, batch). Several go in one batch."""
        size = max(1, MOST_TOKENS // (self.batch * self.most * (k + 1)))
        errors = []
        for start in range(0, len(counts), size):
            group = counts[start : start + size]
            patches = self.block(self.patches, k).repeat(len(group), 1, 1)
            mask = self.mask_of(np.concatenate(group)[:, None])
            z, _ = self.model.encode(patches, mask, _repeated(source, len(group)))
            recon, _ = self.model.decode(z, _repeated(shown, len(group)))
            errors.append(self.error(recon, patches).reshape(len(group), self.batch))
        return np.concatenate(errors)

    # --- searches

    def check_search(self, entry: dict[str, Any]) -> None:
        key, past = entry["key"], _Pasts()
        golden = None
        if entry["algorithm"] == "linear":
            golden = Golden(self.golden[f"{key}.probe_kept"], self.golden[f"{key}.ntoks"])
        case = {**entry, "max_toks": self.most, "min_toks": self.config.min_toks}
        known: dict[tuple[int, ...], Array] = {}

        def measure(k: int, kept: Array) -> Array:
            if tuple(kept) not in known:
                # the linear search asks for all of these one after another anyway
                wanted = (
                    _linear_kept(case, self.batch, golden) if entry["algorithm"] == "linear" and not known else [kept]
                )
                for count, errors in zip(wanted, self.candidates(k, wanted, past.source, past.shown), strict=True):
                    known[tuple(count)] = errors
            if tuple(kept) not in known:
                known[tuple(kept)] = self.candidates(k, [kept], past.source, past.shown)[0]
            return known[tuple(kept)]

        def commit(k: int, kept: Array) -> None:
            mask = self.mask_of(kept[:, None])
            z, new_source = self.model.encode(self.block(self.patches, k), mask, past.source)
            _, new_shown = self.model.decode(z, past.shown)
            past.source, past.shown = extend_cache(past.source, new_source), extend_cache(past.shown, new_shown)
            known.clear()

        run = replay(case, entry["algorithm"], self.blocks, self.batch, measure, commit, golden)
        kept = np.stack(run.kept, 1)
        self.same(f"{key}.ntoks", np.stack(run.counts, 1))
        self.same(f"{key}.kept", kept)
        self.same(f"{key}.probe_block", np.array(run.probe_block))
        self.same(f"{key}.probe_kept", np.stack(run.probe_kept))
        self.close(f"{key}.probe_loss", np.stack(run.probe_loss))
        mask = self.mask_of(kept)
        z_pre, _ = self.model.encoder(self.patches, mask)
        z = self.model.bottleneck(z_pre) * mask[..., None]
        recon, _ = self.model.decode(z)
        self.close(f"{key}.loss", self.error(recon, self.patches))
        self.check_codes(f"{key}.codes", z, self.safe(self.margin(z_pre)), mask)

    def check_codes(self, key: str, z: Tensor, safe: Array | None, mask: Tensor) -> None:
        shape = (self.batch, self.blocks, self.most)
        there = mask.numpy().reshape(shape)
        if safe is None:
            codes = z.numpy().reshape(*shape, -1)
            self.close(key, np.where(there[..., None], codes, np.nan))
        else:
            indices = self.model.bottleneck.tokens(z).reshape(shape)
            self.same(key, np.where(there, indices, -1), safe.reshape(shape) | ~there)


class _Pasts:
    source: KvCache | None = None
    shown: KvCache | None = None


def _linear_kept(case: dict[str, Any], batch: int, golden: Golden | None) -> list[Array]:
    top = int(np.ceil(case["max_prop_codes"] * case["max_toks"]))
    most = case["max_toks"]
    counts = linear_counts(int(case["min_toks"]), top, most, case.get("n_interp") or 100, golden)
    return [np.full(batch, kept) for kept in sorted({min(count + 1, most) for count in counts})]


def _repeated(past: KvCache | None, times: int) -> KvCache | None:
    if past is None or times == 1:
        return past
    return tuple((k.repeat(times, 1, 1, 1), v.repeat(times, 1, 1, 1)) for k, v in past)


def _tap(half: nn.Module, name: str, into: dict[str, Tensor]) -> list[Any]:
    """Record the activations of an encoder or decoder, under the names of the golden data."""

    def keep(key: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            into[key] = output[0] if isinstance(output, tuple) else output

        return hook

    def keep_input(module: nn.Module, args: Any) -> None:
        into[f"{name}.input"] = args[0]

    transformer: Any = half.transformer
    hooks = [
        transformer.register_forward_pre_hook(keep_input),
        transformer.ln_f.register_forward_hook(keep(f"{name}.ln_f")),
    ]
    for part in ("in_proj", "out_proj"):
        if hasattr(half, part):
            hooks.append(getattr(half, part).register_forward_hook(keep(f"{name}.{part}")))
    for i, layer in enumerate(transformer.layers):
        hooks.append(layer.register_forward_hook(keep(f"{name}.layer{i}")))
        hooks.append(layer.attention.register_forward_hook(keep(f"{name}.layer{i}.attention")))
        hooks.append(layer.feed_forward.register_forward_hook(keep(f"{name}.layer{i}.feed_forward")))
    return hooks
