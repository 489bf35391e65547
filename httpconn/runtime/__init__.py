"""Forked processes and the synchronous execution of coroutines."""
