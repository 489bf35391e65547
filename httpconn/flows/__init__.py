"""Sequences of steps, async-shaped, over a port: each is written once and run by sync, asyncio and trio."""
