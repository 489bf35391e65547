"""The borders to httpx and httpx2: transports for their clients, and their transports for ours."""

from __future__ import annotations

# First, since it imports modules of this package: so the order in which modules are imported does not matter.
from .. import transport as transport
