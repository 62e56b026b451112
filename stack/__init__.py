"""The local stack: a real mongod, Kafka and Keycloak and our own processes, started and stopped together.

It needs no container engine. `python -m stack up` is what people and `make up` use, `stack.supervisor.running` is what
tests use; both run the same code, so development and tests cannot drift apart.
"""
