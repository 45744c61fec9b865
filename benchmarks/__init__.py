"""Problems with a known truth, methods that solve them, and reports: see `README.md` beside this file."""
