"""HTTP: protocols without I/O, the connections that speak them, the pool and the engine."""
