"""The images of a request: fetched from URLs of users, within limits, and identified by their first bytes."""

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
"""Limit of all images of one request together."""
SECONDS = 10.0
"""Deadline of all images of one request together."""

SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


class BadMedia(ValueError):
    """An error of the user. The message is for the user."""


@dataclass(frozen=True)
class Image:
    """An image for a model.

    Attributes:
        kind: the media type, by the first bytes; the server's Content-Type is ignored.
        data: the content of the file.
    """

    kind: str
    data: bytes


async def fetch_images(connection: httpconn.HTTPConnection, urls: list[str]) -> list[Image]:
    """Fetch all images and return them in order. They share one byte budget and one deadline.

    Raises:
        BadMedia: a body is not an image, or there are too many URLs.
        httpconn.HTTPConnError: the first error; it cancels the other transfers.
    """
    if len(urls) > MAX_IMAGES:
        raise BadMedia(f"At most {MAX_IMAGES} images, please.")
    budget = httpconn.ByteBudget(MAX_REQUEST_BYTES)
    images: dict[int, Image] = {}

    async def fetch(index: int, url: str) -> None:
        images[index] = identified(await load(connection, url, budget))

    with httpconn.deadline(SECONDS):
        try:
            async with anyio.create_task_group() as tasks:
                for index, url in enumerate(urls):
                    tasks.start_soon(fetch, index, url)
        except ExceptionGroup as errors:
            raise first(errors) from None
    return [images[index] for index in range(len(urls))]


async def load(connection: httpconn.HTTPConnection, url: str, budget: httpconn.ByteBudget) -> bytes:
    """Return the bytes of an http, https or data URL."""
    if url[:5].lower() == "data:":
        data = decoded(url)
        budget.spend(len(data))
        return data
    return await connection.async_get_bytes(url, max_bytes=MAX_IMAGE_BYTES, budget=budget)


def decoded(url: str) -> bytes:
    """Return the bytes of a base64 data URL (RFC 2397)."""
    head, comma, text = url.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise BadMedia("A data URL must contain base64.")
    if len(text) > MAX_IMAGE_BYTES * 4 // 3 + 4:
        raise BadMedia("An image is too large.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadMedia("A data URL must contain base64.") from None


def identified(data: bytes) -> Image:
    """Return an image of an allowed type."""
    kind = next((kind for start, kind in SIGNATURES.items() if data.startswith(start)), None)
    if kind is None and data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        kind = "image/webp"
    if kind is None:
        raise BadMedia("Images must be PNG, JPEG, GIF or WebP.")
    return Image(kind, data)


def first(errors: ExceptionGroup[Exception]) -> Exception:
    """Return the first error of a task group."""
    error = errors.exceptions[0]
    return first(error) if isinstance(error, ExceptionGroup) else error
