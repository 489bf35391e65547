"""Many requests for one file: resume, segments, verification, commit."""
