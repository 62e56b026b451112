"""The servicers: unpack the request, call the use case, pack the answer."""
