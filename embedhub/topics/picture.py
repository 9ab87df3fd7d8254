"""The map as a picture, for browsers without a drawing surface, reports and e-mails; pure."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from embedhub.topics.neighborhood import Floats, Integers

# Okabe and Ito's colours, which people tell apart who see few; then Tableau's.
COLOURS = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8c6d00", "#6a3d9a",
    "#b15928", "#1b9e77", "#e7298a", "#66a61e", "#7570b3", "#a6761d", "#17becf", "#bcbd22",
    "#9467bd", "#c44e52", "#4c72b0", "#55a868",
)  # fmt: skip
GREY, BACKGROUND, INK = (178, 178, 178), (255, 255, 255), (33, 37, 41)
LEGEND = 340
EDGE = 24
MOST_NAMED = len(COLOURS)
LINE = 26
# Fewer rows are drawn as larger points.
RADII = ((500, 4), (5_000, 3), (30_000, 2), (10**9, 1))
# How much of a pixel one point covers; many on the same one cover it wholly.
OPACITY = 0.6


@dataclass(frozen=True, slots=True)
class Entry:
    """A topic in the legend; `x` and `y` are its middle on the map."""

    number: int
    name: str
    n_rows: int
    share: float
    x: float
    y: float


def colour_of(number: int) -> tuple[int, int, int]:
    """Return a topic's colour, which stays with its number; grey for none."""
    if number <= 0:
        return GREY
    code = COLOURS[(number - 1) % len(COLOURS)]
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def draw(
    xy: Floats, numbers: Integers, entries: Sequence[Entry], *, width: int, height: int
) -> bytes:
    """Return a PNG of rows on the map, each in its topic's colour, beside a legend.

    `xy` float[n, 2] without NaN, `numbers` int[n], 0 or less for none.
    """
    inner = max(width - LEGEND, 100)
    surface = points(xy, numbers, inner, height)
    image = Image.new("RGB", (inner + LEGEND, height), BACKGROUND)
    image.paste(Image.fromarray(surface), (0, 0))
    pen = ImageDraw.Draw(image)
    low, scale = frame(xy, inner, height)
    for entry in entries[:MOST_NAMED]:
        at = (np.array([entry.x, entry.y]) - low) * scale + EDGE
        label(pen, str(entry.number), (float(at[0]), height - float(at[1])))
    legend(pen, entries, inner, height)
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def frame(xy: Floats, width: int, height: int) -> tuple[NDArray[np.float64], float]:
    """Return the lower left corner of rows, and pixels a unit, the same along both axes."""
    if not len(xy):
        return np.zeros(2), 1.0
    low, high = xy.min(axis=0).astype(np.float64), xy.max(axis=0).astype(np.float64)
    room = np.array([width, height]) - 2 * EDGE
    span = np.where(high > low, high - low, np.inf)
    scale = float((room / span).min())
    # All at one place: in the middle.
    scale = scale if scale > 0 else 1.0
    return low - (room / scale - (high - low)) / 2, scale


def points(xy: Floats, numbers: Integers, width: int, height: int) -> NDArray[np.uint8]:
    """Return pixels uint8[height, width, 3]: the mean colour of the rows there, over white."""
    low, scale = frame(xy, width, height)
    at = np.rint((xy - low) * scale + EDGE).astype(np.int64)
    radius = next(size for most, size in RADII if len(xy) <= most)
    shape = [
        (dx, dy)
        for dx in range(-radius + 1, radius)
        for dy in range(-radius + 1, radius)
        if dx * dx + dy * dy < radius * radius
    ]
    colours = np.array([colour_of(int(number)) for number in np.unique(numbers)], np.float64)
    own = colours[np.searchsorted(np.unique(numbers), numbers)] if len(xy) else np.zeros((0, 3))
    total = np.zeros((height * width, 3))
    count = np.zeros(height * width)
    for dx, dy in shape:
        x, y = at[:, 0] + dx, height - 1 - at[:, 1] + dy
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        pixel = y[inside] * width + x[inside]
        count += np.bincount(pixel, minlength=len(count))
        for channel in range(3):
            total[:, channel] += np.bincount(pixel, own[inside, channel], len(count))
    mean = total / np.maximum(count, 1)[:, None]
    cover = 1 - (1 - OPACITY) ** count[:, None]
    mixed = mean * cover + np.array(BACKGROUND) * (1 - cover)
    return np.rint(mixed).clip(0, 255).astype(np.uint8).reshape(height, width, 3)


def legend(pen: Any, entries: Sequence[Entry], left: int, height: int) -> None:
    """Draw names, colours and shares of the largest topics, as many as fit."""
    font, small = ImageFont.load_default(15), ImageFont.load_default(13)
    pen.line([(left, 0), (left, height)], fill=(222, 226, 230))
    fit = max((height - 2 * EDGE) // LINE - 1, 1)
    shown = entries[: min(fit, MOST_NAMED)]
    for place, entry in enumerate(shown):
        top = EDGE + place * LINE
        pen.rounded_rectangle(
            [left + 14, top + 3, left + 28, top + 17], 3, fill=colour_of(entry.number)
        )
        told = f"{entry.number}  {cut(readable(entry), pen, font, LEGEND - 100)}"
        pen.text((left + 36, top), told, fill=INK, font=font)
        pen.text(
            (left + LEGEND - 12, top + 1), share_of(entry.share), fill=INK, font=small, anchor="ra"
        )
    more = len(entries) - len(shown)
    if more > 0:
        told = f"and {more:,} more"
        pen.text((left + 36, EDGE + len(shown) * LINE), told, fill=INK, font=small)
    if not entries:
        pen.text((left + 14, EDGE), "No topics", fill=INK, font=font)


def readable(entry: Entry) -> str:
    """Return a topic's name, or its number where the picture's font lacks the letters."""
    try:
        entry.name.encode("cp1252")
    except UnicodeEncodeError:
        return f"Topic {entry.number}"
    return entry.name


def cut(text: str, pen: Any, font: Any, room: int) -> str:
    """Return a text that fits, with an ellipsis where it had to be cut."""
    if pen.textlength(text, font=font) <= room:
        return text
    while text and pen.textlength(text + "…", font=font) > room:
        text = text[:-1]
    return text.rstrip(" ,") + "…"


def share_of(share: float) -> str:
    """Return a share in percents, one digit behind the point below ten."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def label(pen: Any, text: str, at: tuple[float, float]) -> None:
    """Draw a topic's number at its middle, readable on any colour."""
    font = ImageFont.load_default(15)
    pen.text(at, text, fill=INK, font=font, anchor="mm", stroke_width=3, stroke_fill=BACKGROUND)
