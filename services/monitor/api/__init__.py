"""The servicers, one file per service: unpack the request, call the use case, pack the answer."""
