"""The OpenAPI document: what REST offers, said for people and for programs that make clients."""
