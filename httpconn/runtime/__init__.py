"""Threads, asyncio and trio: clocks, events, timers, worker groups and socket readiness."""
