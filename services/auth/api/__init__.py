"""The servicers, a file for each room: unpack the request, call the use case, pack the answer."""
