"""The network below HTTP: DNS, dial, guard, TLS, sockets, and the settings of proxies."""
