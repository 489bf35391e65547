"""The identity of a resource. URLs that differ only in their signature lead to the same resource."""

import hashlib
import re

from .regexes import regex
from .urls import VettedURL

# The query parameters that change with each signature of a URL, for S3 (both versions of its signature), Google,
# CloudFront, Azure and OSS. They authorize a request, and do not identify the resource.
_SIGNATURE = regex(
    rb"x-(amz|goog)-(algorithm|credential|date|expires|signature|signedheaders|security-token)"
    rb"|(aws|oss)accesskeyid|googleaccessid|signature|expires|policy|key-pair-id|security-token"
    rb"|sig|se|st|ske|skt",
    re.IGNORECASE,
)


def resource_key(url: VettedURL) -> str:
    """Return the key of a URL's resource: 16 hexadecimal digits that reveal no secret of the URL."""
    path, _, query = url.target.partition(b"?")
    identifying = [each for each in query.split(b"&") if not _SIGNATURE.fullmatch(each.partition(b"=")[0])]
    origin = "{}://{}:{}".format(*url.origin).encode("ascii")
    return hashlib.sha256(b"\n".join((origin, path, *identifying))).hexdigest()[:16]
