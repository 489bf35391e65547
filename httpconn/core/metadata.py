"""The metadata of a file, from the heads of a response and of the redirects to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from . import digests
from .filenames import safe_name
from .hubs import hub_file, no_field
from .mediatypes import media_type
from .messages import Head
from .urls import VettedURL


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata of a file on a server. An attribute is None if the server does not send it.

    Attributes:
        url: URL of the response, after redirects, without credentials and without the values of its query.
        size: size of the file in bytes.
        media_type: media type without parameters, in lower case, such as "image/png".
        filename: name of the file from Content-Disposition (RFC 6266), or else from the URL of the call. It contains no
            folder.
        etag: the ETag.
        last_modified: the Last-Modified.
        digest: strongest digest that the server announces, as "algorithm:hex".
        digest_source: name of the header field that contains the digest.
        accepts_ranges: whether the server accepts range requests.
    """

    url: str
    size: int | None
    media_type: str | None
    filename: str
    etag: str | None
    last_modified: str | None
    digest: str | None
    digest_source: str | None
    accepts_ranges: bool | None


def metadata_of(
    head: Head, hops: Sequence[Head], *, url: VettedURL, requested: VettedURL, size: int | None, is_encoded: bool
) -> Metadata:
    """Return the metadata of the file at ``requested`` from the response of ``url`` and from the redirects to it.

    ``size`` is the length of the body before content decoding. If the body has a content coding (``is_encoded``), its
    length and digests are not those of the file.
    """
    hub = hub_file([*hops, head], use_etag=False)  # callers cannot use a git ID
    field = no_field if is_encoded else head.field
    digest = digests.announced(field, partial=False, linked=hub.digest).expected
    accepted = head.field("accept-ranges")
    return Metadata(
        url=url.redacted,
        size=(None if is_encoded else size) if hub.size is None else hub.size,
        media_type=media_type(head.field("content-type")),
        filename=safe_name(head.field("content-disposition"), requested),
        etag=head.field("etag"),
        last_modified=head.field("last-modified"),
        digest=digest and str(digest),
        digest_source=digest and digest.source,
        accepts_ranges=None if accepted is None else "bytes" in accepted.lower(),
    )
