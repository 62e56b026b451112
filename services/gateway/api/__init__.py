"""Servicers of `itsm.gateway.v1`: unpack the request, call the use case, pack the answer."""
