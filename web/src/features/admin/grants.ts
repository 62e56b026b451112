/** Permissions by the kind of record that they are about. */
export function grouped(permissions: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const permission of permissions) {
    const [resource = ""] = permission.split(".");
    groups.set(resource, [...(groups.get(resource) ?? []), permission]);
  }
  return groups;
}

/** Those in which every word of a text occurs, `Incidents` and `resolve` for `incidents.resolve`. */
export function matching(permissions: readonly string[], text: string, worded: (name: string) => string): string[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return permissions.filter((permission) => {
    const told = [permission, ...permission.split(".").map(worded)].join(" ").toLowerCase();
    return words.every((word) => told.includes(word));
  });
}
