"""`itsm`, the command line: data on stdout, talk on stderr, exit codes that scripts can rely on.

It is a client like any other: it speaks REST with the gateway and knows no service.
"""
