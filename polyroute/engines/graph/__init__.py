"""Part of polyroute."""
