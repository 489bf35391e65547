"""The borders to httpx and httpx2: transports for their clients, and their transports for ours."""
