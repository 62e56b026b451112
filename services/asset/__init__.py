"""What there is: items with typed classes, their relations and owners, software, licenses, vulnerabilities and cost.

It decides nothing about incidents or alerts; others refer to its items by id.
"""
