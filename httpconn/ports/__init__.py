"""All that touches the world: clients, clocks, threads and event loops."""
