"""People, teams, roles, tenants, tokens and the audit log, over Keycloak. It keeps no password and signs nobody in."""
