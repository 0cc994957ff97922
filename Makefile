# sessiond: the commands everyone uses.  Each target sets up what it needs.
.DEFAULT_GOAL := help
.PHONY: help
help:
	@echo "see docs/contributing.md"
