"""Other ticket systems as their makers have published their REST interfaces: small, strict, and over real HTTP.

What they do not know they refuse, as they refuse moves that their workflow does not have. Made by ourselves from the
published descriptions; not a line is of these products.
"""
