"""Texts made to fit: cut between characters as people see them, split into messages, Markdown as styled spans. Pure."""
