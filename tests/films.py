"""Films made for tests: each frame carries its number as a pattern that survives compression."""

from fractions import Fraction

import av
import numpy as np

BITS = 10


def numbered(count: int, height: int = 96, width: int = 160) -> np.ndarray:
    """Frames whose upper half shows their number in binary, white for 1; the lower half is red."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    step = width // BITS
    for number, frame in enumerate(frames):
        for bit in range(BITS):
            if number >> bit & 1:
                frame[: height // 2, step * bit : step * (bit + 1)] = 255
        frame[height // 2 :, :, 0] = 255
    return frames


def number(frame: np.ndarray) -> int:
    """Read a frame's number back."""
    height, width = frame.shape[:2]
    step = width / BITS
    return sum(
        int(frame[height // 4, int(step * (bit + 0.5))].mean() > 127) << bit for bit in range(BITS)
    )


def write(
    path,
    frames,
    rate=16,
    codec="libx264",
    milliseconds=None,
    form=None,
    pixels="yuv420p",
    sound=None,
    options=None,
    **more,
):
    """Write frames with FFmpeg to a file or pipe; `milliseconds` gives each frame its own time.

    `sound` is a soundtrack: one channel, 48,000 samples a second. `more` goes to the codec.
    """
    base = Fraction(1, 1000) if milliseconds is not None else Fraction(1, rate)
    target = path if hasattr(path, "write") else str(path)
    with av.open(target, "w", format=form, options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        context = stream.codec_context
        context.height, context.width = frames[0].shape[:2]
        context.pix_fmt, context.time_base = pixels, base
        for name, value in more.items():
            setattr(context, name, value)
        if sound is not None:
            track = container.add_stream("aac", rate=48_000, layout="mono")
        for i, frame in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(frame, format="rgb24")
            frame.pts = i if milliseconds is None else int(milliseconds[i])
            frame.time_base = base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            heard = np.asarray(sound, np.float32)[None]
            heard = av.AudioFrame.from_ndarray(heard, format="fltp", layout="mono")
            heard.sample_rate = 48_000
            container.mux([*track.encode(heard), *track.encode(None)])
    return path
