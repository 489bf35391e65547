"""The images of a request: fetched from URLs of users, within limits, and checked by their first bytes."""

from __future__ import annotations

import anyio

import httpconn

MIB = 1024 * 1024
MAX_IMAGES = 8
MAX_IMAGE_BYTES = 10 * MIB
MAX_REQUEST_BYTES = 24 * MIB
"""Limit of all images of one request together."""
SECONDS = 10.0
"""Deadline of all images of one request together."""
IMAGE_TYPES = {"image/png", "image/jpeg", "image/gif", "image/webp"}


class BadMedia(ValueError):
    """An error of the user. The message is for the user."""


async def fetch_images(connection: httpconn.HTTPConnection, urls: list[str]) -> list[bytes]:
    """Fetch all images and return them in order. They share one byte budget and one deadline.

    Raises:
        BadMedia: there are too many URLs.
        httpconn.UnexpectedContent: a body is not an image.
        httpconn.HTTPConnError: the first error; it cancels the other transfers.
    """
    if len(urls) > MAX_IMAGES:
        raise BadMedia(f"At most {MAX_IMAGES} images, please.")
    budget = httpconn.ByteBudget(MAX_REQUEST_BYTES)
    images: dict[int, bytes] = {}

    async def fetch(index: int, url: str) -> None:
        images[index] = await connection.async_get_bytes(
            url, accept=IMAGE_TYPES, max_bytes=MAX_IMAGE_BYTES, budget=budget
        )

    with httpconn.deadline(SECONDS):
        try:
            async with anyio.create_task_group() as tasks:
                for index, url in enumerate(urls):
                    tasks.start_soon(fetch, index, url)
        except ExceptionGroup as errors:
            raise first(errors) from None
    return [images[index] for index in range(len(urls))]


def first(errors: ExceptionGroup[Exception]) -> Exception:
    """Return the first error of a task group."""
    error = errors.exceptions[0]
    return first(error) if isinstance(error, ExceptionGroup) else error
