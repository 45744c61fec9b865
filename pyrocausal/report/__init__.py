"""A result to read: tables, words, HTML and Markdown."""
