import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { api, body } from "@/api/client";
import { t } from "@/i18n";
import { worded } from "@/records/schema/forms";
import { Loading, Problem } from "@/ui/bits";
import { Field, Select } from "@/ui/form";
import { Icon } from "@/ui/Icon";
import { Head } from "./Head";

interface Search {
  role?: string;
  beside?: string;
  differ?: string;
}

/** What each role permits, and where two of them differ. */
export function Roles() {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const set = (part: Search) =>
    void navigate({ to: ".", search: ((known: Search) => ({ ...known, ...part })) as never, replace: true });
  const query = useQuery({
    queryKey: ["roles"],
    queryFn: async () => (await body(api.GET("/api/v1/roles", { params: { query: { pageSize: 200 } } }))).roles,
  });
  const roles = query.data ?? [];
  const one = roles.find(({ id }) => id === search.role) ?? roles[0];
  const other = roles.find(({ id }) => id === search.beside);
  const [ours, theirs] = [new Set(one?.permissions), new Set(other?.permissions)];
  const all = [...new Set([...ours, ...theirs])].sort();
  const shown = search.differ && other ? all.filter((each) => ours.has(each) !== theirs.has(each)) : all;
  const groups = new Map<string, string[]>();
  for (const permission of shown) {
    const [resource = ""] = permission.split(".");
    groups.set(resource, [...(groups.get(resource) ?? []), permission]);
  }
  const differing = all.filter((each) => ours.has(each) !== theirs.has(each)).length;
  return (
    <>
      <Head id="roles" />
      <div className="page-scroll stack">
        {query.isPending && <Loading />}
        {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
        {one && (
          <>
            <section className="card">
              <div className="pair">
                <Field label={t("people.role")} hint={one.description}>
                  <Select value={one.id} onChange={(role) => set({ role })}>
                    {roles.map(({ id }) => (
                      <option key={id} value={id}>
                        {id}
                      </option>
                    ))}
                  </Select>
                </Field>
                <Field label={t("people.compare")} hint={other?.description}>
                  <Select
                    value={other?.id ?? ""}
                    onChange={(beside) => set({ beside: beside || undefined, differ: undefined })}
                  >
                    <option value="">{t("record.none")}</option>
                    {roles
                      .filter(({ id }) => id !== one.id)
                      .map(({ id }) => (
                        <option key={id} value={id}>
                          {id}
                        </option>
                      ))}
                  </Select>
                </Field>
              </div>
            </section>
            <div className="line wrap">
              <span className="muted">{t("people.permissions", { count: shown.length })}</span>
              {other && (
                <button
                  type="button"
                  className="toggle"
                  aria-pressed={search.differ !== undefined}
                  onClick={() => set({ differ: search.differ ? undefined : "yes" })}
                >
                  {t("people.differ", { count: differing })}
                </button>
              )}
            </div>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a long table without links is scrolled by keys, too */}
            <section className="card wide" tabIndex={0} aria-label={t("people.roles")}>
              <table className="table">
                <thead>
                  <tr>
                    <th>{t("people.what")}</th>
                    <th>{one.id}</th>
                    {other && <th>{other.id}</th>}
                  </tr>
                </thead>
                <tbody>
                  {[...groups].map(([resource, permissions]) => (
                    <tr key={resource}>
                      <td className="strong">{worded(resource)}</td>
                      <td>
                        <Permitted permissions={permissions} has={ours} />
                      </td>
                      {other && (
                        <td>
                          <Permitted permissions={permissions} has={theirs} />
                        </td>
                      )}
                    </tr>
                  ))}
                </tbody>
              </table>
            </section>
          </>
        )}
      </div>
    </>
  );
}

function Permitted({ permissions, has }: { permissions: readonly string[]; has: ReadonlySet<string> }) {
  return (
    <ul className="line wrap">
      {permissions.map((permission) => {
        const held = has.has(permission);
        return (
          <li key={permission} className="chip" data-tone={held ? "good" : "still"} title={permission}>
            <Icon name={held ? "check" : "minus"} />
            {worded(permission.split(".")[1] ?? "")}
            <span className="visually-hidden">{t(held ? "people.may" : "people.mayNot")}</span>
          </li>
        );
      })}
    </ul>
  );
}
