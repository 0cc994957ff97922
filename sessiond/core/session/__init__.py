"""One user's session: phases, inputs, effects, state, and the machine that takes one into the next."""
