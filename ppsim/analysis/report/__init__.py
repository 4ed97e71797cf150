"""Reports: one HTML file that opens offline, of a sweep or of a run."""
