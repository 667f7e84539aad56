"""All measurements together: a row for each clip and threshold, sums, Figure 4, correlations. Plain JSON values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..metrics import psnr_db
from ..models.base import ModelSpec
from . import curves
from .clips import Clip
from .content import spearman
from .plan import Plan


@dataclass
class Measured:
    """One clip and what was measured of it, by threshold, budget, codec."""

    clip: Clip
    frames: int
    elastic: dict[Any, dict[str, Any]] = field(default_factory=dict)
    fixed: dict[Any, dict[str, Any]] = field(default_factory=dict)
    references: dict[Any, dict[str, Any]] = field(default_factory=dict)
    content: dict[Any, dict[str, Any]] = field(default_factory=dict)


def summarise(
    plan: Plan, spec: ModelSpec, measured: Sequence[Measured], budgets: Mapping[bool, list[int]]
) -> dict[str, Any]:
    """The content of results.json."""
    both = {"video": [m for m in measured if not m.clip.still], "image": [m for m in measured if m.clip.still]}
    kinds = {kind: ms for kind, ms in both.items() if ms}
    rows = [_row(m, kind, t, plan) for kind, ms in kinds.items() for t in plan.thresholds for m in ms]
    codecs = [codec.name for codec in plan.codecs]
    everything = [job for m in measured for job in (*m.elastic.values(), *m.fixed.values(), *m.references.values())]
    return {
        "model": spec.name,
        "model_digest": spec.digest.hex(),
        "tile": list(spec.tile_hw) if spec.tile_hw else None,
        "generation": spec.generation,
        "command": plan.command,
        "size": plan.size,
        "duration_s": plan.duration,
        "thresholds": list(plan.thresholds),
        "figure_threshold": plan.figure_threshold,
        "codecs": codecs,
        "ffmpeg": plan.perceptual.ffmpeg.version if plan.perceptual else None,
        "scores": list(plan.perceptual.names) if plan.perceptual else [],
        "dates": sorted({job["date"] for job in everything}),
        "machines": sorted({job["machine"] for job in everything}),
        "summary": [_summary(rows, kind, t, codecs) for kind in kinds for t in plan.thresholds],
        "rate_difference": {kind: _rate_differences(ms, plan) for kind, ms in kinds.items()},
        "figure4": {kind: _figure4(ms, budgets.get(kind == "image", []), plan) for kind, ms in kinds.items()},
        "content": _content(kinds.get("video", []), spec, plan),
        "rows": rows,
        "references": {m.clip.name: {name: r["curve"] for name, r in m.references.items()} for m in measured},
    }


def _row(m: Measured, kind: str, threshold: float, plan: Plan) -> dict[str, Any]:
    found = m.elastic[threshold]
    names = [codec.name for codec in plan.codecs]
    theirs = {name: curves.bytes_at(_curve(m, name), found["mse"]) if found["mse"] else None for name in names}
    points = {name: _nearest(m, name, found["mse"]) if theirs[name] else None for name in names}
    return {
        "clip": m.clip.name,
        "kind": kind,
        "threshold": threshold,
        **{key: found[key] for key in ("width", "height", "frames", "bytes", "bpp", "mse", "psnr_db")},
        "seconds": found["seconds"],
        "worst_block_mse": found["worst_block_mse"],
        "blocks": len(found["met"]),
        "blocks_met": sum(found["met"]),
        "tokens": sum(found["tokens"]),
        "max_tokens": sum(found["max_tokens"]),
        "evaluations": sum(found["evaluations"]),
        **{key: found[key] for key in ("encode_s", "decode_s", "encode_cpu_s", "decode_cpu_s")},
        **{key: found[key] for key in ("peak_bytes", "stages_s", "scores")},
        "bytes_over": {name: found["bytes"] / b if b else None for name, b in theirs.items()},
        "cpu_of": {
            name: [point["encode_cpu_s"], point["decode_cpu_s"]] if point else None for name, point in points.items()
        },
        "scores_of": {name: _scores_at(m, name, found["mse"]) if points[name] else {} for name in names},
        "tokens_by_block": found["tokens"],
        "mse_by_block": found["block_mse"],
    }


def _curve(m: Measured, codec: str) -> list[tuple[float, float]]:
    return [(point["bytes"], point["mse"]) for point in m.references[codec]["curve"]]


def _nearest(m: Measured, codec: str, mse: float) -> dict[str, Any]:
    """The point of a codec's curve whose error is nearest to this one: its time is about the time for this error."""
    points: list[dict[str, Any]] = [point for point in m.references[codec]["curve"] if point["mse"] > 0]
    return min(points, key=lambda point: abs(math.log(point["mse"] / mse)))


def _scores_at(m: Measured, codec: str, mse: float) -> dict[str, float]:
    """A codec's scores at this error, between its points."""
    curve = m.references[codec]["curve"]
    names = {name for point in curve for name in point["scores"]}
    found = {}
    for name in sorted(names):
        known = [(point["mse"], point["scores"][name]) for point in curve if name in point["scores"]]
        if (value := curves.score_at(known, mse)) is not None:
            found[name] = value
    return found


def _summary(rows: list[dict[str, Any]], kind: str, threshold: float, codecs: Sequence[str]) -> dict[str, Any]:
    here = [r for r in rows if r["kind"] == kind and r["threshold"] == threshold]
    frames, blocks = sum(r["frames"] for r in here), sum(r["blocks"] for r in here)
    pixels = sum(r["frames"] * r["width"] * r["height"] for r in here)
    stages: Counter[str] = Counter()
    for row in here:
        stages.update(row["stages_s"])
    mse = sum(r["mse"] * r["frames"] for r in here) / frames
    seconds = sum(r["seconds"] or 0 for r in here)
    peaks = [r["peak_bytes"] for r in here if r["peak_bytes"]]
    against = {}
    for codec in codecs:
        inside = [r for r in here if r["bytes_over"][codec] is not None]
        ours = sum(r["bytes"] for r in inside)
        theirs = sum(r["bytes"] / r["bytes_over"][codec] for r in inside)
        against[codec] = {
            "clips": len(inside),
            "total": ours / theirs if inside else None,
            "geometric_mean": curves.geometric_mean([r["bytes_over"][codec] for r in inside]),
            "least": min((r["bytes_over"][codec] for r in inside), default=None),
            "most": max((r["bytes_over"][codec] for r in inside), default=None),
        }
    return {
        "kind": kind,
        "threshold": threshold,
        "clips": len(here),
        "frames": frames,
        "blocks": blocks,
        "met_share": sum(r["blocks_met"] for r in here) / blocks,
        "tokens_share": sum(r["tokens"] for r in here) / max(1, sum(r["max_tokens"] for r in here)),
        "bytes": sum(r["bytes"] for r in here),
        "bpp": 8 * sum(r["bytes"] for r in here) / pixels,
        "bytes_per_second": _rate(sum(r["bytes"] for r in here), seconds) if kind == "video" else None,
        "psnr_db": psnr_db(mse) if mse else None,
        "evaluations_per_block": sum(r["evaluations"] for r in here) / blocks,
        "encode_fps": _rate(frames, sum(r["encode_s"] for r in here)),
        "decode_fps": _rate(frames, sum(r["decode_s"] for r in here)),
        "stages_s": {stage: round(seconds, 3) for stage, seconds in stages.items()},
        "peak_bytes": max(peaks) if peaks else None,
        "bytes_over": against,
        "cpu_s_per_frame": _cpu(here, codecs),
        "scores": _scores(here, codecs),
    }


def _cpu(rows: list[dict[str, Any]], codecs: Sequence[str]) -> dict[str, Any]:
    """CPU seconds per frame, [encode, decode], of ours ("elastictok") and of each codec over the clips it reaches."""
    out: dict[str, Any] = {
        "elastictok": _per_frame([(r["frames"], [r["encode_cpu_s"], r["decode_cpu_s"]]) for r in rows])
    }
    for name in codecs:
        out[name] = _per_frame([(r["frames"], r["cpu_of"][name]) for r in rows if r["cpu_of"][name]])
    return out


def _per_frame(costs: list[tuple[int, list[float | None]]]) -> list[float] | None:
    known = [(frames, [cost for cost in both if cost is not None]) for frames, both in costs]
    if not known or any(len(both) != 2 for _, both in known):
        return None
    frames = sum(count for count, _ in known)
    return [sum(both[i] for _, both in known) / frames for i in (0, 1)]


def _scores(rows: list[dict[str, Any]], codecs: Sequence[str]) -> dict[str, Any]:
    """By measure: the mean over the clips, and over each codec the mean difference at equal error, ours less theirs."""
    out: dict[str, Any] = {}
    for name in sorted({name for r in rows for name in r["scores"]}):
        differences = {
            codec: [
                r["scores"][name] - r["scores_of"][codec][name]
                for r in rows
                if name in r["scores"] and name in r["scores_of"][codec]
            ]
            for codec in codecs
        }
        out[name] = {
            "mean": _mean([r["scores"][name] for r in rows if name in r["scores"]]),
            "over": {codec: _mean(found) for codec, found in differences.items()},
        }
    return out


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _rate(count: int, seconds: float) -> float | None:
    return count / seconds if seconds > 0 else None


def _rate_differences(ms: list[Measured], plan: Plan) -> dict[str, Any]:
    """Bytes over those of each codec, over all errors that both reach: by clip, and the geometric mean."""
    out: dict[str, Any] = {}
    for codec in (codec.name for codec in plan.codecs):
        by_clip = {}
        for m in ms:
            ours = [(m.elastic[t]["bytes"], m.elastic[t]["mse"]) for t in plan.thresholds if m.elastic[t]["mse"]]
            by_clip[m.clip.name] = curves.rate_difference(ours, _curve(m, codec)) if len(ours) > 1 else None
        known = [value for value in by_clip.values() if value is not None]
        out[codec] = {"geometric_mean": curves.geometric_mean(known), "clips": len(known), "by_clip": by_clip}
    return out


def _figure4(ms: list[Measured], budgets: list[int], plan: Plan) -> dict[str, Any]:
    threshold = plan.figure_threshold

    def pooled(key: str, of: str, which: float) -> list[Any]:
        return [value for m in ms for value in getattr(m, of)[which][key]]

    needs, met = pooled("tokens", "elastic", threshold), pooled("met", "elastic", threshold)
    curve = curves.elastic_curve(needs, met, pooled("max_tokens", "elastic", threshold))
    points = []
    for count in budgets:
        point = curves.fixed_point(
            pooled("tokens", "fixed", count),
            pooled("block_mse", "fixed", count),
            pooled("max_tokens", "fixed", count),
            threshold,
        )
        elastic = curves.tokens_at(curve, point["met_share"]) if point["met_share"] else None
        ratio = point["tokens_share"] / elastic if elastic else None
        points.append({"tokens": count, **point, "elastic_tokens_share": elastic, "ratio": ratio})
    frames, most = sum(pooled("block_frames_each", "elastic", threshold)), pooled("max_tokens", "elastic", threshold)
    return {
        "blocks": len(needs),
        "max_tokens_per_frame": sum(most) / max(1, frames),
        "elastic": [list(p) for p in curve],
        "fixed": points,
    }


def _content(ms: list[Measured], spec: ModelSpec, plan: Plan) -> dict[str, Any]:
    """Tokens of a block against what is in it, blocks with a past only: the first of a GOP pays for all it shows."""
    rows = []
    for m in ms:
        found, what = m.elastic[plan.figure_threshold], m.content["content"]
        pixels = found["width"] * found["height"]
        for i, (tokens, frames) in enumerate(zip(found["tokens"], found["block_frames_each"], strict=True)):
            if i % spec.gop_blocks and frames == spec.block_frames:
                per = 1000 * tokens / (pixels * frames)
                rows.append([m.clip.name, i, per, what["motion"][i], what["detail"][i]])
    tokens, motion, detail = (np.array([row[k] for row in rows], np.float64) for k in (2, 3, 4))
    return {
        "blocks": len(rows),
        "columns": ["clip", "block", "tokens_per_thousand_pixels", "motion", "detail"],
        "rows": rows,
        "spearman": {
            "motion": spearman(tokens, motion),
            "detail": spearman(tokens, detail),
            "motion_times_detail": spearman(tokens, motion * detail),
        },
        "pearson_of_logarithms": {"motion": _pearson(tokens, motion), "detail": _pearson(tokens, detail)},
    }


def _pearson(a: Any, b: Any) -> float | None:
    both = (a > 0) & (b > 0)
    if both.sum() < 3:
        return None
    a, b = np.log(a[both]), np.log(b[both])
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    value = float(np.corrcoef(a, b)[0, 1])
    return value if math.isfinite(value) else None
