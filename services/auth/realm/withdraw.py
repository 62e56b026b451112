"""Takes the people of a tenant for demonstration out of a realm again: those that a file of wishes brought into it.

Who has come to belong to another tenant meanwhile stays, as do the organization and its groups. Again it finds nobody.

Fails with `ValueError` for every other tenant, with `KeycloakError` when the realm refuses or does not answer.
"""

from keycloak import KeycloakAdmin

from chassis.demonstration import is_one
from services.auth.realm.wanted import Wishes


async def withdraw(admin: KeycloakAdmin, wishes: Wishes) -> list[str]:
    """Says whom it took away."""
    if not is_one(wishes.tenant):
        raise ValueError(f"tenant: {wishes.tenant!r} is no tenant for demonstration; nobody was taken away")
    gone = []
    for name in wishes.users:
        subject = await admin.a_get_user_id(name)
        if subject is None:
            continue
        if {each["alias"] for each in await admin.a_get_user_organizations(subject)} == {wishes.tenant}:
            await admin.a_delete_user(subject)
            gone.append(f"user {name}: gone")
    return gone
