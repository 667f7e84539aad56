"""Files that lie, each in one way: what is handed to which command, and the one line that must come back.

Their checksums are right wherever that is possible, so that the lie itself has to be found. Made here rather than kept,
so that one sees what is wrong with each.
"""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from container.samples import gop, header, small
from fuzz.mutate import chunks_of, sealed
from models.streams import packed, packed_bytes, packed_list, packed_text
from reliability import six
from safetensors.numpy import save

from elastictok_cli.container import Header, Reader, Writer, save_tokens, token_arrays
from elastictok_cli.container.chunks import pack_index, pack_tail
from elastictok_cli.container.fields import uint
from elastictok_cli.container.format import GOP, HEAD, INDX, SIGNATURE
from elastictok_cli.container.framing import CHUNK_EXTRA, pack_chunk
from elastictok_cli.container.head import pack_head
from elastictok_cli.models.nano.weights import Weights

MIB = 1 << 20
DATA = six.FILE.read_bytes()
CHUNKS = chunks_of(DATA)


@dataclass(frozen=True)
class Case:
    """One file. command: {} stands for it. code, line: how the command must end, and what its error must say."""

    name: str
    data: bytes
    code: int
    line: str
    command: tuple[str, ...] = ("decode", "{}", "-o", "out.mkv")
    suffix: str = ".etok"


def changed(number: int, payload: bytes | None, kind: bytes | None = None) -> bytes:
    """The six GOPs with one chunk's payload replaced (None: as it is), the index led to where they are now, and
    everything sealed again."""
    chunks = list(CHUNKS)
    old_kind, old = chunks[number]
    chunks[number] = kind or old_kind, old if payload is None else payload
    if number < len(chunks) - 2:
        chunks[-2] = INDX, _reindexed(chunks)
    return sealed(chunks)


def _reindexed(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """INDX that finds the GOPs among these chunks, and says of them what it said."""
    starts, at = [], len(SIGNATURE)
    for kind, payload in chunks:
        if kind == GOP:
            starts.append((at, len(payload)))
        at += len(payload) + CHUNK_EXTRA
    entries = zip(Reader(DATA).index, starts, strict=False)
    first = len(SIGNATURE) + len(chunks[0][1]) + CHUNK_EXTRA
    return pack_index([dataclasses.replace(e, offset=at, length=length) for e, (at, length) in entries], first)


def with_head(change: Callable[[bytes], bytes]) -> bytes:
    """A file whose HEAD payload is changed."""
    return changed(0, change(CHUNKS[0][1]))


def with_header(**changes: Any) -> bytes:
    """The same by fields that `Header` itself would allow."""
    return changed(0, pack_head(dataclasses.replace(six.header(), **changes)))


def _forged(**changes: Any) -> bytes:
    """And by fields that it would not."""
    head = six.header()
    for name, value in changes.items():
        object.__setattr__(head, name, value)
    return changed(0, pack_head(head))


def with_metadata(packed_text_: bytes, size: int | None = None) -> bytes:
    """A header with these bytes for its JSON. size: what it claims to unpack to."""
    data = zlib.compress(packed_text_, 1)
    return with_head(lambda p: p[:-1] + uint(len(packed_text_) if size is None else size) + uint(len(data)) + data)


def _index(payload: bytes) -> bytes:
    return changed(len(CHUNKS) - 2, payload)


GOP_AT, AUD_AT = 1, 2
RECORDS = CHUNKS[GOP_AT][1]


def containers() -> Iterator[Case]:
    """What pretends to be an .etok file."""
    yield Case("empty", b"", 4, "the file is empty")
    yield Case("a video", b"\0\0\0\x20ftypisom" + bytes(99), 4, "an mp4 or mov file; 'elastictok encode' makes")
    yield Case("a picture", b"\x89PNG\r\n\x1a\n" + bytes(99), 4, "a PNG file")
    yield Case("text", b"dear reader, " * 9, 4, "not an .etok file")
    yield Case("another magic", b"\xeeETX" + DATA[4:], 4, "not an .etok file")
    yield Case("copied as text", DATA.replace(b"\r\n", b"\n", 1), 4, "transfer in text mode")
    yield Case("only a signature", SIGNATURE, 4, "incomplete")
    yield Case("a newer version", with_head(lambda p: uint(2) + p[1:]), 5, "format version 2 is newer than")
    yield Case("the newest version", with_head(lambda p: uint((1 << 62) + 5)), 5, "is newer than")
    yield Case("a chunk of later", changed(AUD_AT, None, b"Xtra"), 5, "chunk 'Xtra' is of a newer elastictok")
    yield Case("another syntax", with_header(syntax="fsq/9"), 5, "not dct generation 0")
    yield Case("another model", with_header(model="elastictok-huge"), 5, "needs the weights of elastictok-huge")
    yield Case("a header with more", with_head(lambda p: p + b"\0"), 4, "header: 1 bytes too many")
    yield Case("a header with less", with_head(lambda p: p[:40]), 4, "header: ")
    yield Case("a wild length", SIGNATURE + _start(HEAD, 0xFFFFFFF0) + bytes(99), 4, "header is damaged")
    yield Case("a long length", SIGNATURE + _start(HEAD, MIB) + bytes(99), 4, "incomplete")
    # numbers
    yield Case("a threshold that is none", _forged(threshold=float("nan")), 4, "the threshold is nan")
    yield Case("a target without end", _forged(target="psnr", target_value=float("inf")), 4, "the target value is inf")
    yield Case("a negative threshold", _forged(threshold=-1.0), 4, "-1.0 is not a mean squared error")
    yield Case("no frames in a block", _forged(block_frames=0), 4, "0 frames in a block")
    yield Case("endless blocks", _forged(block_frames=1 << 40), 4, "1099511627776 frames in a block")
    yield Case("endless GOPs", _forged(gop_blocks=1 << 60), 4, "blocks in a GOP")
    yield Case("endless tokens", _forged(max_tokens=1 << 60), 4, "tokens for")
    yield Case("a picture of no width", _forged(coded_size=(0, 16)), 4, "0x16 is no coded size")
    yield Case("a picture beyond bounds", _forged(coded_size=(1 << 40, 16)), 4, "is no coded size")
    yield Case("a picture beyond memory", with_header(coded_size=(65536, 65536)), 5, "pictures of 65536x65536 need")
    yield Case("padding beyond memory", with_header(multiple=65536), 5, "pictures of 65536x65536 need")
    yield Case("a clock too fine", _forged(time_base=Fraction(1, (1 << 62) - 1)), 4, "a time base of 1/4611686018427")
    yield Case("a rate too high", _forged(frame_rate=Fraction(1 << 31)), 4, "a frame rate of 2147483648")
    yield Case("pixels too wide", _forged(sar=Fraction(1 << 31)), 4, "a sample aspect ratio of 2147483648")
    yield Case("a number without end", with_head(lambda p: b"\xff" * len(p)), 4, "the format version does not end")
    yield Case("a number in two spellings", with_head(lambda p: b"\x81\x00" + p[1:]), 4, "not in its shortest form")
    # names
    steers = with_head(lambda p: p.replace(b"\3dct", b"\3\x1b[J", 1))
    yield Case("a name that steers", steers, 4, "the model name has letters that cannot be printed")
    yield Case("a name that is no text", with_head(lambda p: p[:1] + b"\x02\xff\xfe" + p[7:]), 4, "is not UTF-8")
    yield Case("a name as long as a book", with_head(lambda p: p[:1] + uint(1 << 40) + p[1:]), 4, "length of the tool")
    # metadata
    deep = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    yield Case("metadata too deep", with_metadata(deep), 4, "the metadata cannot be read")
    yield Case("metadata that explodes", with_metadata(b" " * (64 * MIB), MIB), 4, "the metadata cannot be read")
    yield Case("metadata that lies", with_metadata(b'{"a":1}', 1 << 60), 4, "size of the metadata is")
    yield Case("metadata with a NaN", with_metadata(b'{"end_pts":NaN}'), 4, "the metadata cannot be read")
    yield Case("metadata as a list", with_metadata(b"[1]"), 4, "the metadata cannot be read")
    # GOPs
    yield Case("a GOP of endless frames", changed(GOP_AT, uint(0) + uint(1 << 40)), 4, "GOP 0 (00:00.0-00:00.2)")
    yield Case("a GOP in two bytes", changed(GOP_AT, b"\0\4"), 4, "GOP 0")
    yield Case("a GOP of other times", changed(GOP_AT, RECORDS[:2] + uint(99) + RECORDS[3:]), 4, "GOP 0")
    yield Case("too many tokens", changed(GOP_AT, RECORDS[:4] + uint(1 << 40) + RECORDS[5:]), 4, "the token count is")
    yield Case("tokens cut short", changed(GOP_AT, RECORDS[:-9]), 4, "tokens")
    yield Case("tokens of another", changed(GOP_AT, RECORDS[:-9] + RECORDS[-9:][::-1]), 4, "tokens")
    yield Case("a GOP twice", _doubled(), 4, "there is a GOP at byte")
    yield Case("GOPs swapped", _swapped(), 4, "is not the one that the index describes")
    yield Case("a header twice", changed(AUD_AT, CHUNKS[0][1], HEAD), 4, "a second chunk 'HEAD'")
    yield Case("an index within", changed(AUD_AT, CHUNKS[-2][1], INDX), 4, "a second chunk 'INDX'")
    # sound
    sound = CHUNKS[AUD_AT][1]
    yield Case(
        "endless sound", changed(AUD_AT, uint(1 << 40) + sound[1:]), 4, "1099511627776 audio packets cannot be in"
    )
    yield Case("sound of nobody", changed(AUD_AT, uint(1) + uint(9 << 2) + b"\0"), 4, "audio stream 9 is none of 1")
    yield Case("a packet too long", changed(AUD_AT, uint(1) + b"\0" + uint(1 << 40)), 4, "length of the audio data")
    # index
    yield Case("an endless index", _index(uint(1 << 40)), 4, "1099511627776 GOPs cannot be in")
    yield Case("an empty index", _index(uint(0)), 4, "there is a GOP at byte")
    yield Case("an index outside", _index(uint(1) + uint(1 << 40) + bytes(4)), 4, "index: the gap is")
    yield Case("an index that overlaps", _index(uint(1) + b"\0" + uint(1 << 20) + b"\4\0\0"), 4, "would end at byte")
    yield Case("an index that loops", _index(uint(3) + (b"\0" + uint(10) + b"\4\0\0") * 3), 4, "GOP 0")
    yield Case("an index into tokens", _index(uint(1) + uint(60) + uint(100) + b"\4\0\0"), 4, "GOP")
    away = pack_chunk(b"TAIL", pack_tail(0x7FFFFFFF, bytes(16)))
    yield Case("an end mark that points away", DATA[: -len(away)] + away, 4, "index is not where its end mark says")
    yield Case("chunks within chunks", sealed([CHUNKS[0], *_nested(), *CHUNKS[-2:]]), 4, "index: GOP 5 would end at")


def _start(kind: bytes, length: int) -> bytes:
    start = struct.pack("<4sI", kind, length)
    return start + struct.pack("<I", zlib.crc32(start))


def _doubled() -> bytes:
    return sealed([*CHUNKS[:2], CHUNKS[1], *CHUNKS[2:]])


def _swapped() -> bytes:
    """Two GOPs of one length in each other's place."""
    one = next(payload for kind, payload in CHUNKS[2:] if kind == GOP and len(payload) == len(CHUNKS[GOP_AT][1]))
    at = CHUNKS.index((GOP, one))
    chunks = list(CHUNKS)
    chunks[GOP_AT], chunks[at] = chunks[at], chunks[GOP_AT]
    return sealed(chunks)


def _nested() -> list[tuple[bytes, bytes]]:
    inner = b"".join(pack_chunk(kind, payload) for kind, payload in CHUNKS[1:4])
    for _ in range(50):
        inner = pack_chunk(b"note", inner)
    return [(b"note", inner)]


# --- the same, at other doors


def archives() -> Iterator[Case]:
    """What pretends to come from `elastictok tokens`."""
    good = token_arrays(Reader(small(1, audio=())))

    def case(name: str, line: str, code: int = 4, **arrays: Any) -> Case:
        out = io.BytesIO()
        save_tokens(out, {**good, **{key: np.asarray(value) for key, value in arrays.items()}})
        return Case(name, out.getvalue(), code, line, ("decode", "{}", "-o", "out.mkv"), ".npz")

    yield case("arrays of a newer version", "version 2 is newer", 5, format=np.int32(2))
    yield case("negative counts", "counts", counts=-good["counts"])
    yield case("errors that are none", "nan is not a mean squared error", mse=good["mse"] * np.nan)
    yield case("codes beyond the codebook", "codes must be 0 .. 63999", values=good["values"] | 0xFFFF)
    yield case("steps beyond the ladder", "steps must be", steps=good["steps"] + 99)
    yield case("times of others", "times for", pts=good["pts"][:-1])
    yield case("a header of noise", "header", head=good["head"][::-1])
    yield case("a list where a table belongs", "counts is int32 of shape", counts=good["counts"].ravel())
    yield case("letters for numbers", "values of type <U1", values=np.array(["x"] * len(good["values"])))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in good:
            archive.writestr(f"{name}.npy", bytes(54_321) if name == "values" else _npy(good[name]))
    bomb = out.getvalue().replace(struct.pack("<I", 54_321), struct.pack("<I", 600 * MIB))
    yield Case("an archive that explodes", bomb, 4, "bytes of arrays are over", suffix=".npz")
    objects = io.BytesIO()
    with zipfile.ZipFile(objects, "w") as archive:
        for name in good:
            array = np.array([print, 1], object) if name == "head" else good[name]
            archive.writestr(f"{name}.npy", _npy(array, True))
    yield Case("an array of objects", objects.getvalue(), 4, "objects, which could run code", suffix=".npz")
    yield Case(
        "a zip of something", _zip("letter.txt", b"hello"), 4, "not a file of 'elastictok tokens'", suffix=".npz"
    )
    yield Case("half an archive", out.getvalue()[:999], 4, "damaged", suffix=".npz")


def _npy(array: Any, pickles: bool = False) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asarray(array), allow_pickle=pickles)
    return out.getvalue()


def _zip(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, data)
    return out.getvalue()


def weights() -> Iterator[Case]:
    """What pretends to be a model: .safetensors."""
    said = {"model": "elastictok-nano", "syntax": "nano/5", "generation": "0"}
    table, mixers = Weights.untrained().tables
    good = save({"contexts": table, "mixers": mixers}, said)
    head = json.loads(good[8 : 8 + struct.unpack("<Q", good[:8])[0]])

    def case(name: str, data: bytes, line: str) -> Case:
        return Case(name, data, 5, line, ("weights", "verify", "{}"), ".safetensors")

    def forged(**changes: Any) -> bytes:
        text = json.dumps({**head, **changes}).encode()
        return struct.pack("<Q", len(text)) + text + good[-table.nbytes - mixers.nbytes :]

    entry = head["contexts"]
    yield case("weights of nothing", b"", "not a .safetensors file")
    yield case("a pickle by another name", pickle.dumps({"a": 1}) * 9, "not a .safetensors file")
    yield case("a header of exabytes", struct.pack("<Q", 1 << 62) + bytes(99), "not a .safetensors file")
    yield case("a header too deep", struct.pack("<Q", 200_000) + b"[" * 200_000, "not a .safetensors file")
    yield case("weights without a name", save({"contexts": table}), "not made by elastictok")
    yield case("weights of a name that steers", save({"contexts": table}, {**said, "model": "\x1b[2J"}), "be printed")
    yield case("weights of a letter generation", save({"contexts": table}, {**said, "generation": "x"}), "base 10")
    yield case("weights of another syntax", save({"contexts": table}, {**said, "syntax": "nano/9"}), "made for syntax")
    yield case(
        "weights of another shape", save({"contexts": table[:9], "mixers": mixers}, said), "contexts must be uint16"
    )
    yield case(
        "weights of another type",
        save({"contexts": table.astype(np.int8), "mixers": mixers}, said),
        "contexts must be uint16",
    )
    yield case("weights of other tensors", save({"values": table}, said), "contexts must be uint16")
    yield case("weights without mixers", save({"contexts": table}, said), "mixers must be int32")
    yield case("weights cut short", good[:-100], "damaged")
    yield case("offsets outside", forged(contexts={**entry, "data_offsets": [0, 1 << 60]}), "damaged")
    yield case("offsets backwards", forged(contexts={**entry, "data_offsets": [table.nbytes, 0]}), "damaged")
    yield case("an exabyte of shape", forged(contexts={**entry, "shape": [1 << 40, 1 << 20]}), "damaged")
    yield case("two tensors on one place", forged(more=entry), "damaged")
    yield case("a type of nobody", forged(contexts={**entry, "dtype": "U99"}), "damaged")


def checkpoints() -> Iterator[Case]:
    """What pretends to be a checkpoint of the original, or a configuration of one."""

    def case(name: str, data: bytes, line: str) -> Case:
        command = ("weights", "convert", "{}", "--config", "fsq", "-o", "out.safetensors")
        return Case(name, data, 3, line, command, ".params")

    key = packed_list([packed_text("encoder"), packed_text("in_proj"), packed_text("kernel")])
    first = packed("encoder/is_kept_embed", np.zeros((1, 1024), np.float32))
    yield case("no checkpoint", b"", "the file is empty")
    yield case(
        "a checkpoint that runs code", pickle.dumps({"a": print}), "pickle, which can run code and is never opened"
    )
    yield case("a checkpoint in a zip", _zip("data.pkl", b"x"), "may hold a pickle and is never opened")
    yield case("a page that says not found", b"<!doctype html>", "HTML")
    yield case("lists within lists", first + b"\x91" * 100_000, "a list of another length")
    yield case("a list of everything", first + b"\x92\xdd\xff\xff\xff\xff", "a list of 4294967295 where at most 32")
    yield case("a blob of everything", first + b"\x92" + key + b"\xc6\xff\xff\xff\xff", "bytes too early")
    huge = packed_list([packed_list([b"\xce\xff\xff\xff\xff"] * 8), packed_text("float32"), packed_bytes(b"")])
    tensor = b"\xc8" + len(huge).to_bytes(2, "big") + b"\x01" + huge
    yield case("a shape of everything", first + packed_list([key, packed_bytes(tensor)]), "for a shape of")
    yield case("a tensor twice", first + first, "the second tensor of this name")
    yield case("a tensor of objects", first.replace(b"float32", b"object0"), "numbers of type 'object0'")
    yield case("a checkpoint cut short", first[:-1], "ends 1 bytes too early")
    yield case("a checkpoint of something", packed("opt_state/x", np.zeros(3, np.float32)), "holds no weights")
    command = ("weights", "convert", "{}", "--config", "{}", "-o", "out.safetensors")
    config = {"bottleneck_type": "fsq", "hidden_size": float("inf")}
    for name, text, line in (
        ("a configuration too deep", b"[" * 100_000, "not a JSON file"),
        ("a configuration that is none", b"\x00\x01", "not a JSON file"),
        ("a configuration as a list", b"[1]", "a JSON object is needed"),
        ("a configuration with nothing", b"{}", "missing"),
        ("a configuration without end", json.dumps({**config, **_sizes()}).encode(), "hidden_size is 'inf'"),
    ):
        yield Case(name, text, 2, line, command, ".json")


def _sizes() -> dict[str, Any]:
    from elastictok_cli.models.elastic.config import PRESETS

    sizes: dict[str, Any] = json.loads(PRESETS["fsq"].to_json())
    del sizes["hidden_size"]
    return sizes


def videos() -> Iterator[Case]:
    """What pretends to be a video."""
    command = ("encode", "{}", "-o", "out.etok")
    yield Case("a video of nothing", b"", 3, "the file is empty", command, ".mp4")
    yield Case("a letter", b"dear reader, " * 99, 3, "a text file", command, ".mp4")
    yield Case("an .etok once more", DATA, 3, "", command, ".etok.mp4")
    ihdr = struct.pack(">II5B", 65535, 65535, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", ihdr), (b"IDAT", zlib.compress(bytes(99))), (b"IEND", b""))
    )
    yield Case("a picture of gigapixels", png, 3, "", command, ".png")
    box = b"".join(struct.pack(">I", 8 + 4 * (40 - n)) + b"moov" for n in range(32))
    yield Case("boxes within boxes", b"\0\0\0\x10ftypisom\0\0\0\0" + box, 3, "", command, ".mov")
    yield Case("a playlist of others", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", 3, "", command, ".m3u8")


def nano_bomb(digest: bytes, num_qindex: int) -> Case:
    """A small file of the bundled model that claims the largest picture there can be."""
    head = Header(
        tool="0.1.0", model="elastictok-nano", model_digest=digest, generation=0, syntax="nano/5", block_frames=8,
        gop_blocks=16, coded_size=(65536, 65536), display_size=(16, 16), source_size=(16, 16),
        time_base=Fraction(1, 25),
        multiple=16, num_qindex=num_qindex, max_tokens=64,
    )  # fmt: skip
    out = io.BytesIO()
    one = gop(header(audio=(), tile_hw=None), 0)
    with Writer(out, head) as writer:
        block = dataclasses.replace(one.blocks[0], frames=4)
        writer.write_gop(dataclasses.replace(one, blocks=(block,)))
        writer.finish()
    return Case("a small file of a huge picture", out.getvalue(), 5, "pictures of 65536x65536 need")


def cases() -> list[Case]:
    """All of them."""
    made = [case for door in (containers, archives, weights, checkpoints, videos) for case in door()]
    assert len({case.name for case in made}) == len(made)
    return made
