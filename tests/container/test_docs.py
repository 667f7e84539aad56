"""docs/format.md takes a real file apart; the figures on that page are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from elastictok_cli.container import FORMAT_VERSION, Reader, check_file, decode_gop
from elastictok_cli.container import format as fmt

from .example import example

PAGE = (Path(__file__).parents[2] / "docs" / "format.md").read_text()
ROW = re.compile(r"^((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:  +\S.*)$")


def rows() -> bytes:
    block = PAGE.split("```etok\n")[1].split("```")[0]
    lines = [line for line in block.splitlines() if line]
    matches = [ROW.match(line) for line in lines]
    assert all(matches), [line for line, match in zip(lines, matches, strict=True) if not match]
    return bytes.fromhex(" ".join(match[1] for match in matches if match))


def test_the_worked_example_is_what_the_writer_writes() -> None:
    assert rows() == example()


def test_the_worked_example_reads_as_the_page_says() -> None:
    with Reader(rows()) as reader:
        (gop,) = reader.gops()
        assert gop.pts.tolist() == [0, 42, 83]
        assert [(b.frames, b.count, b.met, round(b.mse, 5)) for b in gop.blocks] == [
            (2, 3, True, 0.00693),
            (1, 2, False, 0.0072),
        ]
        tokens = [t.values.tolist() for (t,) in decode_gop(gop, reader.header)]
        assert tokens == [[31234, 4095, 7], [31234, 63999]]
        assert check_file(reader) == []


def test_the_page_names_version_signature_and_limits_of_the_code() -> None:
    assert f"container, version {FORMAT_VERSION}" in PAGE
    assert fmt.SIGNATURE.hex(" ").upper() in PAGE
    limits = "HEAD {} MiB, GOP {} MiB, AUD {} MiB, INDX {} MiB, TAIL 20 bytes, unknown {} MiB"
    kinds = (fmt.HEAD, fmt.GOP, fmt.AUD, fmt.INDX)
    assert limits.format(*(fmt.MAX_BYTES[k] >> 20 for k in kinds), fmt.MAX_UNKNOWN_BYTES >> 20) in PAGE
    assert f"{fmt.MAX_GOP_FRAMES:,}" in PAGE and f"{fmt.MAX_GOP_RECORDS:,}" in PAGE
