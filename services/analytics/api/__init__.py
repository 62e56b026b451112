"""The servicers: unpack the request, call the use case, pack the answer. One module for each proto service."""
