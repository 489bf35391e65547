"""HTTP on the wire: protocols without I/O, and the connections that speak them."""
