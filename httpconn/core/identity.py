"""Whether two URLs lead to one resource, although a signature in them changes from call to call."""

from __future__ import annotations

import hashlib
import re

from .urls import VettedURL

# The parameters by which S3 (both versions of its signature), Google, CloudFront, Azure and OSS sign a URL, as far as
# they are other ones at each signing. They say who may have a resource, not which one is meant.
_SIGNATURE = re.compile(
    rb"x-(amz|goog)-(algorithm|credential|date|expires|signature|signedheaders|security-token)"
    rb"|(aws|oss)accesskeyid|googleaccessid|signature|expires|policy|key-pair-id|security-token"
    rb"|sig|se|st|ske|skt",
    re.IGNORECASE,
)


def resource_key(url: VettedURL) -> str:
    """Names the resource of a URL by 16 hexadecimal digits, from which no secret of the URL can be read."""
    path, _, query = url.target.partition(b"?")
    meant = [each for each in query.split(b"&") if not _SIGNATURE.fullmatch(each.partition(b"=")[0])]
    origin = "{}://{}:{}".format(*url.origin).encode("ascii")
    return hashlib.sha256(b"\n".join((origin, path, *meant))).hexdigest()[:16]
