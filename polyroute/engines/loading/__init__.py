"""Sources, progress and the loader: how data gets into engines."""
