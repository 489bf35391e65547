"""The methods of HTTPConnection, their arguments and results, and the runner."""
