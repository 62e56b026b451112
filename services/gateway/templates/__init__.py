"""The words in which people are told: the sandbox that fills templates, and the texts that come with the platform."""
