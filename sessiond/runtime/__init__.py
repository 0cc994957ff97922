"""The runtime: supervised actors, their mailboxes, and the tasks they share. Trio, and nothing foreign but Trio."""
