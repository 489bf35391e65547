"""A chat completions API that fetches images from URLs of users. The model is a stand-in that lists its images."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Literal

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

import httpconn

from .media import BadMedia, fetch_images

logger = logging.getLogger("media_server")

PUBLIC_INTERNET = httpconn.AccessPolicy.public_internet(schemes={"http", "https", "data"})


class ImageURL(BaseModel):
    url: str


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class ImagePart(BaseModel):
    type: Literal["image_url"]
    image_url: ImageURL


class Message(BaseModel):
    role: str
    content: str | list[TextPart | ImagePart]


class Completion(BaseModel):
    model: str = "stand-in"
    messages: list[Message] = Field(min_length=1)


def create_app(access: httpconn.AccessPolicy = PUBLIC_INTERNET) -> FastAPI:
    """Return the application.

    Args:
        access: the policy for the URLs of users.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with httpconn.HTTPConnection(access=access, retries=1, user_agent="media-server/1.0") as connection:
            app.state.connection = connection
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/chat/completions")
    async def complete(completion: Completion, request: Request) -> dict[str, object]:
        images = await fetch_images(request.app.state.connection, list(urls_of(completion)))
        return completion_of(completion.model, images)

    @app.exception_handler(BadMedia)
    async def refuse_media(_: Request, error: BadMedia) -> JSONResponse:
        return problem(400, str(error))

    @app.exception_handler(httpconn.UnexpectedContent)
    async def refuse_type(_: Request, error: httpconn.UnexpectedContent) -> JSONResponse:
        return problem(400, "Images must be PNG, JPEG, GIF or WebP.")

    @app.exception_handler(httpconn.HTTPConnError)
    async def refuse_url(_: Request, error: httpconn.HTTPConnError) -> JSONResponse:
        # The log contains all details. The response reveals nothing about the internal network.
        logger.warning("An image was not fetched: %s", error)
        return problem(status_for(error), error.public_message)

    return app


def urls_of(completion: Completion) -> Iterator[str]:
    """Yield the URLs of all images, in order."""
    for message in completion.messages:
        if not isinstance(message.content, str):
            yield from (part.image_url.url for part in message.content if isinstance(part, ImagePart))


def status_for(error: httpconn.HTTPConnError) -> int:
    """Return 400 if the URL is at fault, and otherwise the status of a gateway (RFC 9110 section 15.6)."""
    if isinstance(error, httpconn.TimedOut):
        return 504
    return 400 if error.fault == "caller" else 502


def problem(status: int, message: str) -> JSONResponse:
    """Return an error in the form of the chat completions API."""
    kind = "invalid_request_error" if status < 500 else "upstream_error"
    return JSONResponse({"error": {"message": message, "type": kind}}, status)


def completion_of(model: str, images: list[bytes]) -> dict[str, object]:
    """Return the completion of a stand-in for a model."""
    seen = ", ".join(f"an image of {len(image)} bytes" for image in images) or "nothing"
    choice = {"index": 0, "message": {"role": "assistant", "content": f"I see {seen}."}, "finish_reason": "stop"}
    return {"object": "chat.completion", "model": model, "choices": [choice]}


app = create_app()
