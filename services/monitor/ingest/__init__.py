"""The door for what others send: an HTTP listener beside the RPCs, with the addresses and answers that senders expect.

A sender reads the status code alone: 503 says come again, any 4xx says that the same will never be taken.
"""
