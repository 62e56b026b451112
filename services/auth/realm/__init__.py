"""The realm as code: settings in `realm.json`, the rest in `wanted`, applied by `apply`, which never deletes."""
