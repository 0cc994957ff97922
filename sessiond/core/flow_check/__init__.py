"""The check of flows before anybody meets them: what can be known of their code and their step lists without running
them. ``sessiond flow check`` shows it.
"""
