"""The media of a request: fetched from wherever the user says, held to limits, and known by its bytes."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import anyio

import httpconn

MIB = 1024 * 1024
MAX_IMAGES = 8
MAX_IMAGE_BYTES = 10 * MIB
MAX_REQUEST_BYTES = 24 * MIB
"""All the images of one request together."""
SECONDS = 10.0
"""For all the images of one request together."""

SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


class BadMedia(ValueError):
    """The user's fault; the message is for the user."""


@dataclass(frozen=True)
class Image:
    """What a model is given.

    Attributes:
        kind: the media type, told by the first bytes; what the server says of it does not count.
        data: the file.
    """

    kind: str
    data: bytes


async def fetch_images(connection: httpconn.HTTPConnection, urls: list[str]) -> list[Image]:
    """All images, in order. They share one budget of bytes and one deadline.

    Raises:
        BadMedia: what came is no image, or there are too many.
        httpconn.HTTPConnError: the first error of any; the other transfers end with it.
    """
    if len(urls) > MAX_IMAGES:
        raise BadMedia(f"At most {MAX_IMAGES} images, please.")
    budget = httpconn.ByteBudget(MAX_REQUEST_BYTES)
    images: dict[int, Image] = {}

    async def fetch(index: int, url: str) -> None:
        images[index] = recognised(await load(connection, url, budget))

    with httpconn.deadline(SECONDS):
        try:
            async with anyio.create_task_group() as tasks:
                for index, url in enumerate(urls):
                    tasks.start_soon(fetch, index, url)
        except ExceptionGroup as errors:
            raise first(errors) from None
    return [images[index] for index in range(len(urls))]


async def load(connection: httpconn.HTTPConnection, url: str, budget: httpconn.ByteBudget) -> bytes:
    """The bytes of an http, https or data URL."""
    if url[:5].lower() == "data:":
        data = decoded(url)
        budget.spend(len(data))
        return data
    return await connection.async_get_bytes(url, max_bytes=MAX_IMAGE_BYTES, budget=budget)


def decoded(url: str) -> bytes:
    """The bytes of a data URL (RFC 2397), in base64."""
    head, comma, text = url.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise BadMedia("A data URL must hold base64.")
    if len(text) > MAX_IMAGE_BYTES * 4 // 3 + 4:
        raise BadMedia("An image is too large.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadMedia("A data URL must hold base64.") from None


def recognised(data: bytes) -> Image:
    """An image of a kind that is allowed."""
    kind = next((kind for start, kind in SIGNATURES.items() if data.startswith(start)), None)
    if kind is None and data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        kind = "image/webp"
    if kind is None:
        raise BadMedia("Images must be PNG, JPEG, GIF or WebP.")
    return Image(kind, data)


def first(errors: ExceptionGroup[Exception]) -> Exception:
    """One of the errors that ended a group of tasks."""
    error = errors.exceptions[0]
    return first(error) if isinstance(error, ExceptionGroup) else error
