import { useQuery } from "@tanstack/react-query";
import { api, body, quoted } from "@/api/client";
import { useSession } from "@/app/session";

const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;
const GATHER_MS = 15;
const AT_ONCE = 100;
const KEPT_MS = 10 * 60_000;

type Waiting = Map<string, ((name: string) => void)[]>;
let waiting: Waiting = new Map();

/** Names of many people by one question, however many rows ask for one each. */
function nameOf(id: string): Promise<string> {
  return new Promise((resolve) => {
    if (waiting.size === 0) setTimeout(ask, GATHER_MS);
    waiting.set(id, [...(waiting.get(id) ?? []), resolve]);
  });
}

async function ask() {
  const asked = waiting;
  waiting = new Map();
  const ids = [...asked.keys()];
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const some = ids.slice(start, start + AT_ONCE);
    const filter = `id IN (${some.map(quoted).join(", ")})`;
    const names = new Map<string, string>();
    try {
      const { users } = await body(api.GET("/api/v1/users", { params: { query: { filter, pageSize: AT_ONCE } } }));
      for (const user of users) names.set(user.id, user.displayName || user.username);
    } finally {
      for (const id of some) for (const resolve of asked.get(id) ?? []) resolve(names.get(id) ?? "");
    }
  }
}

/** The name of a person by id; what is no id is a name already (imported records have names). */
export function usePerson(id: string): string {
  const { can } = useSession();
  const known = UUID.test(id);
  const { data } = useQuery({
    queryKey: ["people", id],
    enabled: known && can("users.list"),
    staleTime: KEPT_MS,
    queryFn: () => nameOf(id),
  });
  return known ? (data ?? "") : id.replace(/^service:/, "");
}

const initials = (name: string) =>
  name
    .split(/[\s._-]+/)
    .filter(Boolean)
    .slice(0, 2)
    .map((word) => word[0]?.toUpperCase())
    .join("");

export function Avatar({ name, writing }: { name: string; writing?: boolean }) {
  return (
    <span className="avatar" aria-hidden="true" data-writing={writing}>
      {initials(name) || "–"}
    </span>
  );
}

export function Person({ id, lone }: { id: string; lone?: string }) {
  const name = usePerson(id);
  if (!id) return <span className="muted">{lone ?? "–"}</span>;
  return (
    <span className="person-cell">
      <Avatar name={name} />
      <span className="clip">{name || id.slice(0, 8)}</span>
    </span>
  );
}
