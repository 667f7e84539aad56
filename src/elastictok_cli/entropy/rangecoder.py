"""Adaptive binary range coder: 32-bit range, 16-bit probabilities, integers only (docs/format.md, "Range coder").

`code(io, buf, ctx, i, bit)` encodes, decodes, adapts, prices or counts one bit, by the mode in `io`. So a syntax is
written once, and encoder and decoder cannot disagree about it.

A context is three uint16: a slow probability, whose rate of adaptation falls with the number of bits seen; a fast one,
of rate 1/16; and that number. The coder uses the mean of the two. Probabilities are those of a 1, in 1/65536.

    enc = encoder(capacity); code(enc.io, enc.buf, ctx, i, bit) ...; data = finish(enc.io, enc.buf)
    dec = decoder(data);     bit = code(dec.io, dec.buf, ctx, i, 0) ...
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..jit import compiled

# The int64 registers of one coder, `io`.
LOW, RANGE, CACHE, PENDING, POS, CODE, MODE, COST, OVERRUN, IO_SIZE = range(10)

ENCODE, DECODE, ADAPT, PRICE, TALLY = range(5)

SLOW, FAST, SEEN = range(3)  # columns of a context
SEEN_LIMIT = 255
FAST_SHIFT = 4

TOP = 1 << 24
MAX_OVERRUN = 8  # bytes: four of look-ahead, four zeros that `finish` leaves out
MASK32 = 0xFFFFFFFF

# The rate of the slow probability after n bits: 1 / (n + 1.6) in 1/65536, at least 1/160 so that it keeps adapting.
SLOW_RATE = np.array([int(65536 / (min(n, 158) + 1.6)) for n in range(SEEN_LIMIT + 1)], np.int64)

# Price of a bit in 1/256 bit, by the top 12 bits of its probability.
PRICES = np.array([round(-256 * np.log2((i + 0.5) / 4096)) for i in range(4096)], np.int64)
BIT_PRICE = 256


class Coder(NamedTuple):
    """Registers and bytes of one coder; both arrays are changed in place by `code`."""

    io: npt.NDArray[np.int64]
    buf: npt.NDArray[np.uint8]


def encoder(capacity: int) -> Coder:
    """A new encoder of at most `capacity` bytes. `code` counts the bytes beyond them in `io[OVERRUN]`."""
    io = np.zeros(IO_SIZE, np.int64)
    io[RANGE] = MASK32
    io[CACHE] = -1
    io[PENDING] = 1
    io[MODE] = ENCODE
    return Coder(io, np.zeros(capacity, np.uint8))


def with_room(coder: Coder, more: int) -> Coder:
    """The encoder with room for `more` bytes after those written.

    Only written bytes are copied: the rest of a large buffer takes no memory until it is written to.
    """
    io, buf = coder
    used, pending = int(io[POS]), int(io[PENDING])
    return coder if used + pending + more <= buf.size else _moved(coder, 2 * used + pending + more)


def copied(coder: Coder) -> Coder:
    """An independent copy of an encoder, which continues from the same place."""
    return _moved(Coder(coder.io.copy(), coder.buf), coder.buf.size)


def _moved(coder: Coder, capacity: int) -> Coder:
    used = int(coder.io[POS])
    buf = np.zeros(capacity, np.uint8)
    buf[:used] = coder.buf[:used]
    return Coder(coder.io, buf)


def bits_written(coder: Coder) -> int:
    """Bits that an encoder has written so far, to within two."""
    return 8 * int(coder.io[POS] + coder.io[PENDING]) + 32 - int(coder.io[RANGE]).bit_length()


def decoder(data: bytes) -> Coder:
    """A decoder of `data`. Bytes past its end read as zeros and are counted in `io[OVERRUN]`."""
    io = np.zeros(IO_SIZE, np.int64)
    buf = np.frombuffer(data, np.uint8).copy()  # writable, so that encoder and decoder have one compiled signature
    io[RANGE] = MASK32
    io[MODE] = DECODE
    for _ in range(4):
        io[CODE] = (io[CODE] << 8) | _next_byte(io, buf)
    return Coder(io, buf)


def dry(mode: int) -> Coder:
    """A coder that writes nothing. mode: ADAPT, PRICE or TALLY.

    ADAPT adapts the contexts and PRICE does not; both add to `io[COST]`, in 1/256 bit. TALLY (training only) counts
    bits in the contexts: column 0 the zeros, column 1 the ones.
    """
    io = np.zeros(IO_SIZE, np.int64)
    io[MODE] = mode
    return Coder(io, np.zeros(0, np.uint8))


@compiled
def _next_byte(io, buf):
    pos = io[POS]
    io[POS] = pos + 1
    if pos < buf.size:
        return np.int64(buf[pos])
    io[OVERRUN] += 1
    return np.int64(0)


@compiled
def _put(io, buf, byte):
    pos = io[POS]
    if pos < buf.size:
        buf[pos] = byte
    else:
        io[OVERRUN] += 1
    io[POS] = pos + 1


@compiled
def _shift_low(io, buf):
    """Write the top byte of LOW. A run of 0xFF is held back, because a carry may still change it."""
    low = io[LOW]
    if low < 0xFF000000 or low > MASK32:
        carry = low >> 32
        byte = io[CACHE]
        for _ in range(io[PENDING]):
            # the first byte is a placeholder that no carry can reach, so it is not written
            if byte >= 0:
                _put(io, buf, (byte + carry) & 0xFF)
            byte = 0xFF
        io[PENDING] = 0
        io[CACHE] = (low >> 24) & 0xFF
    io[PENDING] += 1
    io[LOW] = (low << 8) & MASK32


@compiled(inline=True)
def probability(ctx, i):
    """The probability of a 1 in context i, in 1/65536: 16 .. 65520."""
    return min(max((np.int64(ctx[i, SLOW]) + np.int64(ctx[i, FAST])) >> 1, 16), 65520)


@compiled
def price(ctx, i, bit):
    """The price of this bit in context i, in 1/256 bit."""
    p = probability(ctx, i)
    return PRICES[(p if bit else 65536 - p) >> 4]


@compiled
def _adapt(ctx, i, bit):
    target = 65535 if bit else 0
    slow = np.int64(ctx[i, SLOW])
    fast = np.int64(ctx[i, FAST])
    seen = np.int64(ctx[i, SEEN])
    ctx[i, SLOW] = slow + (((target - slow) * SLOW_RATE[seen]) >> 16)
    ctx[i, FAST] = fast + ((target - fast) >> FAST_SHIFT)
    if seen < SEEN_LIMIT:
        ctx[i, SEEN] = seen + 1


@compiled
def code(io, buf, ctx, i, bit):
    """Code one bit in context i, in the mode of `io`. Returns the bit: the decoded one when decoding."""
    mode = io[MODE]
    if mode == PRICE:
        io[COST] += price(ctx, i, bit)
        return bit
    if mode == TALLY:
        if ctx[i, bit] < 65535:
            ctx[i, bit] += 1
        return bit
    if mode == ADAPT:
        io[COST] += price(ctx, i, bit)
        _adapt(ctx, i, bit)
        return bit
    bound = (io[RANGE] >> 16) * probability(ctx, i)
    if mode == ENCODE:
        if bit:
            io[RANGE] = bound
        else:
            io[LOW] += bound
            io[RANGE] -= bound
        while io[RANGE] < TOP:
            io[RANGE] = (io[RANGE] << 8) & MASK32
            _shift_low(io, buf)
    else:
        if io[CODE] < bound:
            io[RANGE] = bound
            bit = 1
        else:
            io[CODE] -= bound
            io[RANGE] -= bound
            bit = 0
        while io[RANGE] < TOP:
            io[RANGE] = (io[RANGE] << 8) & MASK32
            io[CODE] = ((io[CODE] << 8) | _next_byte(io, buf)) & MASK32
    _adapt(ctx, i, bit)
    return bit


@compiled
def code_raw(io, buf, value, bits):
    """Code `bits` equiprobable bits (at most 32), the highest first. Returns the value."""
    mode = io[MODE]
    if mode >= ADAPT:
        io[COST] += bits * BIT_PRICE
        return value
    out = np.int64(0)
    for k in range(bits - 1, -1, -1):
        io[RANGE] >>= 1
        if mode == ENCODE:
            bit = (value >> k) & 1
            if bit:
                io[LOW] += io[RANGE]
            while io[RANGE] < TOP:
                io[RANGE] = (io[RANGE] << 8) & MASK32
                _shift_low(io, buf)
        else:
            bit = np.int64(io[CODE] >= io[RANGE])
            if bit:
                io[CODE] -= io[RANGE]
            while io[RANGE] < TOP:
                io[RANGE] = (io[RANGE] << 8) & MASK32
                io[CODE] = ((io[CODE] << 8) | _next_byte(io, buf)) & MASK32
        out = (out << 1) | bit
    return out


@compiled
def code_tree(io, buf, ctx, base, value, bits):
    """Code a number of `bits` bits, each in a context of the bits above it. Returns the number.

    The contexts are base + 1 .. base + 2^bits - 1.
    """
    node = np.int64(1)
    for k in range(bits - 1, -1, -1):
        node = 2 * node + code(io, buf, ctx, base + node, (value >> k) & 1)
    return node - (1 << bits)


def finish(io: npt.NDArray[np.int64], buf: npt.NDArray[np.uint8]) -> bytes:
    """End the stream and return its bytes: as few as a decoder needs that reads zeros after them."""
    # Any number in [LOW, LOW + RANGE) is right; the one with the most zero bits at its end is shortest.
    low, high = int(io[LOW]), int(io[LOW]) + int(io[RANGE]) - 1
    for zeros in range(32, -1, -1):
        value = (high >> zeros) << zeros
        if value >= low:
            break
    io[LOW] = value
    for _ in range(5):
        _shift_low(io, buf)
    size = int(io[POS])
    while size > 0 and size > int(io[POS]) - MAX_OVERRUN // 2 and buf[size - 1] == 0:
        size -= 1
    return buf[:size].tobytes()


def ended(io: npt.NDArray[np.int64], buf: npt.NDArray[np.uint8]) -> bool:
    """Whether a decoder, after its last bit, has read all its bytes and not too many. If not, the stream is damaged."""
    return int(io[POS]) >= buf.size and int(io[OVERRUN]) <= MAX_OVERRUN


def new_contexts(count: int) -> npt.NDArray[np.uint16]:
    """Neutral contexts, uint16 (count, 3): probability one half, no bits seen."""
    ctx = np.zeros((count, 3), np.uint16)
    ctx[:, :2] = 32768
    return ctx
