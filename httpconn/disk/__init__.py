"""Files on the local disk: blocking code, and no network."""
