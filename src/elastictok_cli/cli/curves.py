"""`encode --keep-curves`: every candidate of the search, in a file beside the .etok: IN.etok.curves.json.

It is not in the .etok itself: decoding has no use for it, and its bytes would count.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic_file import atomic_write
from ..errors import DamagedFile

if TYPE_CHECKING:
    from ..codec.events import Event

SUFFIX = ".curves.json"
VERSION = 1

TAIL_BYTES = 36  # the end of an .etok, with the digest of everything before it: no two encodes share it

Rates = dict[int, list[tuple[int, float]]]  # by block: (tokens, MSE) of every candidate


@dataclass(frozen=True)
class Kept:
    """Candidates that were kept. matches: the .etok is still the one that they belong to."""

    rates: Rates
    matches: bool


def curves_path(etok: str) -> Path:
    """Where the curves of an .etok file are, if they were kept."""
    return Path(etok + SUFFIX)


def keeping(events: Iterable[Event], etok: str) -> Generator[Event, None, None]:
    """Yield the same events, and at their end write the candidates of every block beside `etok`.

    Of several passes, these are the candidates of the pass that is kept. A resumed run has those of the blocks that it
    coded itself.
    """
    from ..codec.events import BlockDone, Finished, PassStarted, SizeReached

    passes: dict[int, list[dict[str, Any]]] = {}
    number = kept = 1
    with closing(events):  # type: ignore[type-var]  # a generator
        for event in events:
            match event:
                case PassStarted():
                    number = kept = event.number
                case SizeReached():
                    kept = event.kept
                case BlockDone():
                    tried = [[p.qindex, p.count, p.mse if p.mse == p.mse else None] for p in event.probes]
                    passes.setdefault(number, []).append({"block": event.index, "tried": tried})
                case Finished():
                    _write(etok, passes.get(kept, []))
            yield event


def _write(etok: str, blocks: list[dict[str, Any]]) -> None:
    path = curves_path(etok)
    about = "candidates of every block: [quantiser step, tokens, mean squared error]"
    lines = ",\n".join(json.dumps(block) for block in sorted(blocks, key=lambda b: int(b["block"])))
    head = json.dumps({"version": VERSION, "about": about, "etok_end": _end(etok)})
    with atomic_write(path) as part:
        part.write_text(f'{head[:-1]}, "blocks": [\n{lines}\n]}}\n', encoding="utf-8")


def _end(etok: str) -> str:
    with open(etok, "rb") as file:
        file.seek(-TAIL_BYTES, os.SEEK_END)
        return file.read().hex()


def read_curves(etok: str, blocks: int) -> Kept | None:
    """What was kept beside a file; None if nothing was. Raises DamagedFile if it is not what `keeping` writes.

    blocks: how many the file has.
    """
    path = curves_path(etok)
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        rates = {
            int(block["block"]): [(int(count), float(mse)) for _, count, mse in block["tried"] if mse is not None]
            for block in found["blocks"]
        }
        matches = found["etok_end"] == _end(etok)
        if matches and any(not 0 <= number < blocks for number in rates):
            raise ValueError
        return Kept(rates, matches)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedFile(f"{path}: is not what 'encode --keep-curves' writes; remove it, or encode again") from error
