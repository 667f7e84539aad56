"""Trains a small GPT on the tokens of a clip, samples the blocks that come next, and decodes them to a video.

    python examples/train_gpt.py [--video VIDEO] [--out FOLDER] [--seconds 60]

The whole way is here: video to tokens (elastictok-mini), tokens to shards (`pack`), shards to batches (`TokenDataset`),
a transformer of three million weights that predicts the next id, and its samples back to a video. One clip of five
seconds can only be learned by heart. With many clips, nothing changes but the shards.

FOLDER gets tokens/, shards/, and sampled.mp4: above the clip as decode shows it, below the blocks of the prompt and
then those that the GPT made up.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import elastictok_cli as et
from elastictok_cli.data import TokenDataset, Vocabulary

MODEL = "elastictok-mini"
WIDTH, LAYERS, HEADS = 192, 4, 6
CONTEXT = 1024  # ids that the GPT sees at once
Cache = list[tuple[Tensor, Tensor]]


class Layer(nn.Module):
    """Causal self-attention and a feed-forward network, each beside a residual stream."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.forward_net = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """x: (rows, ids, WIDTH). past: keys and values of the ids before."""
        rows, ids, _ = x.shape
        q, k, v = self.qkv(self.norms[0](x)).view(rows, ids, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=past is None)  # with a past, there is one query
        x = x + self.out(seen.transpose(1, 2).reshape(rows, ids, WIDTH))
        return x + self.forward_net(self.norms[1](x)), (k, v)


class GPT(nn.Module):
    """Predicts the next id from the ids so far, the place of each in its block, and the number of its block.

    ids: the ids that occur in the training data, sorted; only these have an embedding. With data enough to have seen
    them all, that is the whole vocabulary.
    """

    def __init__(self, ids: Tensor, positions: int, blocks: int) -> None:
        super().__init__()
        self.ids: Tensor
        self.register_buffer("ids", ids)
        sizes = (len(ids), positions, blocks)
        self.embeddings = nn.ModuleList(nn.Embedding(size, WIDTH) for size in sizes)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, len(ids), bias=False)
        for embedding in self.embeddings:
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, inputs: list[Tensor], past: Cache | None = None) -> tuple[Tensor, Cache]:
        """inputs: indices into `ids`, positions, block numbers, (rows, ids) each. Returns logits, keys and values."""
        x = sum(embedding(each) for embedding, each in zip(self.embeddings, inputs, strict=True))
        new: Cache = []
        for number, layer in enumerate(self.layers):
            x, kv = layer(x, None if past is None else past[number])
            new.append(kv)
        return self.head(self.norm(x)), new

    @torch.no_grad()
    def sample(self, prompt: Tensor, vocabulary: Vocabulary, blocks: int, fewest: int, temperature: float) -> Tensor:
        """The prompt, whole blocks, and `blocks` more, int64 (ids,). fewest: codes that a block must have."""
        begin, end = vocabulary.begin_block, vocabulary.end_block
        longest, numbers = (embedding.num_embeddings for embedding in list(self.embeddings)[1:])
        sequence, past = prompt.tolist(), None
        block, position, wanted = -1, 0, sequence.count(end) + blocks
        for at in itertools.count():
            block, position = (block + 1, 0) if sequence[at] == begin else (block, position + 1)
            inputs = (
                int(torch.searchsorted(self.ids, sequence[at])),
                position * (block >= 0),
                min(max(block, 0), numbers - 1),
            )
            logits, past = self([torch.tensor([[each]]) for each in inputs], past)
            past = [(keys[:, :, -CONTEXT:], values[:, :, -CONTEXT:]) for keys, values in past]
            if at + 1 < len(sequence):
                continue  # still in the prompt
            if sequence.count(end) == wanted:
                return torch.tensor(sequence)
            if sequence[at] == end:
                allowed = self.ids == begin
            elif position + 2 == longest:  # a longer block was never seen
                allowed = self.ids == end
            else:
                allowed = (self.ids < vocabulary.codes) | ((self.ids == end) & (position >= fewest))
            odds = (logits[0, -1] / temperature).masked_fill(~allowed, -torch.inf).softmax(0)
            sequence.append(int(self.ids[torch.multinomial(odds, 1)]))
        raise AssertionError


def tokens_of(video: Path, folder: Path, options: list[str]) -> TokenDataset:
    """Encode a video as squares of 128 pixels, one tile each, and pack its tokens. A second call encodes nothing."""
    settings = ["--model", MODEL, "--size", "128x128", "--no-audio", *options]
    elastictok("batch", video, "-o", folder / "tokens", *settings)
    elastictok("pack", folder / "tokens", "-o", folder / "shards" / "%05d.tar", "-f")
    return TokenDataset(folder / "shards", tokens_per_batch=2 * CONTEXT, longest=CONTEXT, epochs=None)


def elastictok(*arguments: str | Path) -> None:
    """Run a command. In a process of its own, torch's threads wait for each other without spinning."""
    subprocess.run([sys.executable, "-m", "elastictok_cli", *map(str, arguments)], check=True)


def train(data: TokenDataset, seconds: float, steps: int) -> GPT:
    """Train for some seconds, or some steps if they are over first."""
    whole = list(TokenDataset(data.index.folder))
    special = np.arange(data.vocabulary.codes, data.vocabulary.size)
    ids = torch.from_numpy(np.unique(np.concatenate([special, *(batch["tokens"].ravel() for batch in whole)])))
    sizes = [1 + max(int(batch[name].max()) for batch in whole) for name in ("positions", "block_ids")]
    gpt = GPT(ids, *sizes)
    print(f"{sum(each.numel() for each in gpt.parameters()):,} weights, {len(ids):,} different ids", flush=True)
    optimizer = torch.optim.AdamW(gpt.parameters(), lr=2e-3, weight_decay=0.0)
    clock = shown = time.monotonic()
    for step, batch in enumerate(data, 1):
        tokens, positions, blocks = (
            torch.from_numpy(batch[name]).long() for name in ("tokens", "positions", "block_ids")
        )
        mask = torch.from_numpy(batch["mask"])[:, 1:]
        inputs = torch.searchsorted(ids, tokens)
        logits, _ = gpt([inputs[:, :-1], positions[:, :-1], blocks[:, :-1]])
        loss = F.cross_entropy(logits[mask], inputs[:, 1:][mask])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(gpt.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1, step / 20)
        optimizer.step()
        now = time.monotonic()
        over = now - clock > seconds or step >= steps
        if step == 1 or now - shown > 5 or over:
            print(f"step {step}: loss {loss.item():.3f}, {now - clock:.0f} s", flush=True)
            shown = now
        if over:
            break
    return gpt.eval()


def main() -> None:
    """Train and sample."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path, default=Path(__file__).parent / "demo.mp4")
    parser.add_argument("--out", type=Path, default=Path("train_gpt"))
    parser.add_argument("--options", default="-t 0.02", help="of `elastictok batch`, which encodes the video")
    parser.add_argument("--seconds", type=float, default=60, help="of training")
    parser.add_argument("--steps", type=int, default=1 << 30, help="stop after as many")
    parser.add_argument("--prompt", type=int, default=8, help="blocks")
    parser.add_argument("--sample", type=int, default=8, help="blocks")
    parser.add_argument("--temperature", type=float, default=0.1, help="low: one wrong id makes the next ones wrong")
    args = parser.parse_args()
    torch.manual_seed(0)
    data = tokens_of(args.video, args.out, args.options.split())
    gpt = train(data, args.seconds, args.steps)

    clip = next(iter(TokenDataset(data.index.folder)))
    tokens = torch.from_numpy(clip["tokens"][0]).long()
    prompt = tokens[torch.from_numpy(clip["block_ids"][0] < args.prompt)]
    tokenizer = et.Tokenizer.from_pretrained(MODEL)
    made = gpt.sample(prompt, data.vocabulary, args.sample, tokenizer.model.spec.min_tokens, args.temperature)
    values, counted = data.vocabulary.split(made)
    shape = (len(counted) * tokenizer.model.spec.block_frames, 128, 128, 3)
    shown = tokenizer.decode(et.Codes.from_values(values, counted, shape, model=tokenizer))
    with et.open_etok(args.out / "tokens" / f"{args.video.stem}.etok") as file:
        original = file[: len(shown)]
    write(args.out / "sampled.mp4", np.concatenate([original, shown[: len(original)]], axis=1))
    print(f"{args.out / 'sampled.mp4'}: {args.prompt} blocks of the clip, then {args.sample} that were made up")


def write(path: Path, frames: np.ndarray) -> None:
    """A video of frames, uint8 (T, H, W, 3)."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=24, options={"crf": "14"})
        video.height, video.width, video.pix_fmt = *frames.shape[1:3], "yuv420p"
        for frame in frames:
            file.mux(video.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        file.mux(video.encode(None))


if __name__ == "__main__":
    main()
