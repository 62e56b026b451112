"""What other systems are told of our events, held to the code and to what releases promised."""
