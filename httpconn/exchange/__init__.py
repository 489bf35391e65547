"""One request: attempts, redirects, retries, the body, the cache."""
