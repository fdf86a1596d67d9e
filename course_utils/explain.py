"""Which part of a picture, video or sound made the match: exactly, not by guessing.

The network ends in an average: an embedding is the mean of the vectors of 7 x 7 places. A cosine is
a dot product, and the dot product of a mean is the mean of the dot products. So a cosine splits
into one share for each place, and the shares add up to it.
"""

from __future__ import annotations

import numpy as np

from course_utils.search import unit_length


def cell_shares(cells: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Split the cosine between a picture (or video) and another embedding into its places.

    Args:
        cells: the picture's vectors before averaging, shape (rows, columns, d); a video's have
            clips and times before them.
        other: the embedding that it is compared with, shape (d,).

    Returns:
        The shares, of the shape of `cells` without its last axis. Their sum is the cosine between
        `other` and the picture's embedding. A share can be negative if embeddings can.

    Raises:
        ValueError: the dimensions differ or a vector is all zeros.

    Introduced in notebook 1.
    """
    cells = np.asarray(cells, dtype=np.float64)
    if cells.shape[-1] != np.shape(other)[-1]:
        raise ValueError(
            f"The places have {cells.shape[-1]} numbers each, the other embedding "
            f"{np.shape(other)[-1]}; both must come from one encoder."
        )
    mean = cells.reshape(-1, cells.shape[-1]).mean(axis=0)
    unit_length(mean)  # says so if the picture has no direction
    places = cells.size // cells.shape[-1]
    return cells @ unit_length(other) / (places * np.linalg.norm(mean))


def explain_match(encoder, query, match) -> tuple[np.ndarray, np.ndarray, float]:
    """Split the cosine of two picture files into shares of the places of each.

    Args:
        encoder: an `ImageEncoder`.
        query: a picture file.
        match: another one.

    Returns:
        The query's shares (7, 7), the match's shares (7, 7), and the cosine, to which each of the
        two adds up.

    Introduced in notebook 1.
    """
    cells = encoder.cells([query, match])
    first, second = unit_length(cells.mean(axis=(1, 2)))
    return cell_shares(cells[0], second), cell_shares(cells[1], first), float(first @ second)


def explain_sound(encoder, query, match) -> tuple[np.ndarray, np.ndarray, float]:
    """Split the cosine of two sound files into shares of the match's bands and frames.

    A vector that is a mean over time is a sum of what each band adds in each frame; so its cosine
    with another vector is a sum of shares, one for each band of each frame.

    Args:
        encoder: an `AudioEncoder` whose recipe is a mean over time (not `spread`).
        query: a sound file.
        match: another one.

    Returns:
        The match's shares (bands, frames), the shares of its pitch numbers (3,) or (0,), and the
        cosine, to which all of them add up.

    Introduced in notebook 3.
    """
    parts, rest = encoder.parts(match)
    first, second = encoder.encode([query, match]).astype(np.float64)
    length = np.linalg.norm(np.concatenate([parts.sum(axis=1), rest]))
    shares = parts * first[: len(parts), None] / length
    return shares, rest * first[len(parts) :] / length, float(first @ second)


def explain_clips(encoder, query, match) -> tuple[np.ndarray, np.ndarray, float]:
    """Split the cosine of two video files into shares of the times and places of each.

    Args:
        encoder: a `VideoEncoder`.
        query: a video file.
        match: another one.

    Returns:
        The query's shares (clips, times, rows, columns), the match's shares, and the cosine, to
        which each of the two adds up.

    Introduced in notebook 2.
    """
    cells = [encoder.cells(path) for path in (query, match)]
    first, second = (unit_length(part.mean(axis=(0, 1, 2, 3))) for part in cells)
    return cell_shares(cells[0], second), cell_shares(cells[1], first), float(first @ second)
