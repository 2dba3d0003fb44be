"""Vector engines: exact search and clusters for all of them, and LanceDB."""
