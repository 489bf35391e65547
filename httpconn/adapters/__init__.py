"""Adapters: transports for clients of httpx and httpx2, and use of transports made for them."""
