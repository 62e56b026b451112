"""REST as the contract binds it: from the bytes of a request to an RPC and back, with the manners that every operation has."""
