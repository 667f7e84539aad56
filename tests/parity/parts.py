"""Checks of single parts: searches on artificial curves, FSQ, rotary tables, pictures, checkpoint formats."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from replay import Golden, replay
from report import NEAR, Report
from safetensors import safe_open

from elastictok_cli.models.elastic.bottleneck import FSQ
from elastictok_cli.models.elastic.config import ElasticConfig
from elastictok_cli.models.elastic.convert import convert
from elastictok_cli.models.elastic.layers import rope_table
from elastictok_cli.models.elastic.preprocess import resize_and_crop

Array = npt.NDArray[Any]
THETAS = {"fsq": 5e7, "vae": 5e6, "default": 1e4}


def _golden(folder: Path) -> dict[str, Array]:
    with np.load(folder / "golden.npz") as file:
        return dict(file)


def _rest(folder: Path, golden: dict[str, Array], seen: set[str], report: Report) -> None:
    for key in sorted(golden.keys() - seen):
        report.skip(f"{folder.name} {key}")


def check_search(folder: Path, report: Report) -> None:
    """Both searches on artificial curves, without a model."""
    golden, seen = _golden(folder), set()
    for case in json.loads((folder / "config.json").read_text()):
        name = f"c{case['case']}"
        curves = golden[f"{name}.curves"]  # (batch, blocks, counts)
        batch, blocks, _ = curves.shape
        items = np.arange(batch)
        seen.add(f"{name}.curves")
        for algorithm in ("linear", "binary"):
            run = replay(
                case,
                algorithm,
                blocks,
                batch,
                lambda block, kept, c=curves, i=items: c[i, block, kept - 1],
                lambda block, kept: None,
                Golden(golden[f"{name}.linear.probe_kept"], golden[f"{name}.linear.ntoks"]),
            )
            found = {
                "ntoks": np.stack(run.counts, 1),
                "kept": np.stack(run.kept, 1),
                "probe_block": np.array(run.probe_block),
                "probe_kept": np.stack(run.probe_kept),
            }
            for part, got in found.items():
                key = f"{name}.{algorithm}.{part}"
                seen.add(key)
                if key in golden:
                    report.same(f"{folder.name} {key}", got, golden[key])
    _rest(folder, golden, seen, report)


def check_fsq(folder: Path, report: Report) -> None:
    """The FSQ in both directions, for any levels."""
    golden, seen = _golden(folder), set()
    for name in sorted(key.removesuffix(".levels") for key in golden if key.endswith(".levels")):
        fsq = FSQ(tuple(golden[f"{name}.levels"].tolist()))
        z, bounded = torch.from_numpy(golden[f"{name}.z"]), golden[f"{name}.bounded"]
        safe = np.abs(bounded - np.floor(bounded) - 0.5) >= NEAR
        code = fsq(z)
        pick = golden[f"{name}.pick"]
        report.close(f"{folder.name} {name}.bounded", fsq.bounded(z).numpy(), bounded)
        report.same(f"{folder.name} {name}.code", code.numpy(), golden[f"{name}.code"], safe)
        report.same(f"{folder.name} {name}.index", fsq.tokens(code), golden[f"{name}.index"], safe.all(-1))
        report.same(f"{folder.name} {name}.pick_code", fsq.latents(pick).numpy(), golden[f"{name}.pick_code"])
        report.same(f"{folder.name} {name}.pick", fsq.tokens(fsq.latents(pick)), pick)
        seen |= {f"{name}.{p}" for p in ("levels", "z", "bounded", "code", "index", "pick", "pick_code")}
    _rest(folder, golden, seen, report)


def check_rope(folder: Path, report: Report) -> None:
    """The rotary tables, bit by bit."""
    golden, seen = _golden(folder), {"positions"}
    for name in sorted(key.removesuffix(".cos") for key in golden if key.endswith(".cos")):
        theta = THETAS.get(name) or _number(name)
        if theta is None:
            continue
        size = 2 * golden[f"{name}.cos"].shape[1]
        table = rope_table(golden["positions"], size, theta)
        for part, got in zip(("cos", "sin"), table, strict=True):
            seen.add(f"{name}.{part}")
            # sine and cosine of one angle may differ by an ulp between builds of numpy
            report.close(f"{folder.name} {name}.{part}", got, golden[f"{name}.{part}"], atol=1.2e-7)
    _rest(folder, golden, seen, report)


def _number(text: str) -> float | None:
    try:
        return float(text.removeprefix("theta").strip("_"))
    except ValueError:
        return None


def check_preprocess(folder: Path, report: Report) -> None:
    """Pictures against those of the original's loader."""
    golden, seen = _golden(folder), set()
    for key in sorted(key for key in golden if key.startswith("image") and f"frame{key[5:]}" in golden):
        frame = golden[f"frame{key[5:]}"]
        seen |= {key, f"frame{key[5:]}"}
        report.same(f"{folder.name} frame{key[5:]}", resize_and_crop(golden[key], frame.shape[0]), frame)
    _rest(folder, golden, seen, report)


def streams(folder: Path) -> list[Path]:
    """Files that may be parameter streams."""
    files = (path for path in folder.iterdir() if path.is_file())
    return sorted(path for path in files if path.suffix not in (".json", ".npz", ".md", ".txt"))


def check_formats(folder: Path, report: Report) -> None:
    """One model in several files: the float32 files have the same values, the others the same in bfloat16."""
    config = ElasticConfig.from_mapping(json.loads((folder / "config.json").read_text()))
    read: dict[str, dict[str, torch.Tensor]] = {}
    with TemporaryDirectory() as place:
        for path in streams(folder):
            output = Path(place) / f"{path.name}.safetensors"
            convert(path, config, output)
            with safe_open(output, framework="pt") as file:
                keys = set(file.keys()) - {"bottleneck.scale"}
                read[path.name] = {key: file.get_tensor(key) for key in keys}
    wide = next((name for name, found in read.items() if _type(found) == torch.float32), next(iter(read)))
    for name, found in read.items():
        errors, good = [0.0], True
        for key, value in found.items():
            golden = read[wide][key].to(value.dtype)
            errors.append(float((value.float() - golden.float()).abs().max()))
            good &= torch.equal(value, golden)
        text = f"max error {max(errors):.2e}, {len(found)} tensors as in {wide}"
        report.fact(f"{folder.name} {name}", text, good and found.keys() == read[wide].keys())


def _type(found: dict[str, torch.Tensor]) -> torch.dtype:
    return next(iter(found.values())).dtype
