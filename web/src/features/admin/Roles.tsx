import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { api, body, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { worded } from "@/records/schema/forms";
import { Loading, Problem } from "@/ui/bits";
import { Field, Select } from "@/ui/form";
import { Icon } from "@/ui/Icon";
import { grouped } from "./grants";
import { Head } from "./Head";
import { RoleEditor } from "./RoleEditor";
import { SeeAs } from "./SeeAs";

interface Search {
  role?: string;
  beside?: string;
  differ?: string;
  /** The role that is changed, or that a new one is made from. */
  edit?: string;
  from?: string;
  /** The person whose rights are looked at. */
  as?: string;
}

/** What each role permits, where two of them differ, and the tenant's own, which are made and changed here. */
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
  const one = roles.find(({ name }) => name === search.role) ?? roles[0];
  const other = roles.find(({ name }) => name === search.beside);
  const edited = roles.find(({ name, builtIn }) => name === search.edit && !builtIn);
  const original = roles.find(({ name }) => name === search.from);
  const { can } = useSession();
  const [ours, theirs] = [new Set(one?.permissions), new Set(other?.permissions)];
  const all = [...new Set([...ours, ...theirs])].sort();
  const shown = search.differ && other ? all.filter((each) => ours.has(each) !== theirs.has(each)) : all;
  const groups = grouped(shown);
  const differing = all.filter((each) => ours.has(each) !== theirs.has(each)).length;
  return (
    <>
      <Head id="roles">
        {can("roles.inspect") && (
          <Button variant="default" onClick={() => set({ as: "" })}>
            {t("ownRoles.seeAs")}
          </Button>
        )}
        {one && !one.builtIn && can("roles.update") && (
          <Button variant="default" onClick={() => set({ edit: one.name })}>
            {t("ownRoles.edit")}
          </Button>
        )}
        {one && can("roles.create") && <Button onClick={() => set({ from: one.name })}>{t("ownRoles.clone")}</Button>}
      </Head>
      <div className="page-scroll stack">
        {query.isPending && <Loading />}
        {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
        {one && (
          <>
            <section className="card">
              <div className="pair">
                <Field label={t("people.role")} hint={one.description}>
                  <Select value={one.name} onChange={(role) => set({ role })}>
                    {roles.map((role) => (
                      <option key={role.name} value={role.name}>
                        {called(role)}
                      </option>
                    ))}
                  </Select>
                </Field>
                <Field label={t("people.compare")} hint={other?.description}>
                  <Select
                    value={other?.name ?? ""}
                    onChange={(beside) => set({ beside: beside || undefined, differ: undefined })}
                  >
                    <option value="">{t("record.none")}</option>
                    {roles
                      .filter(({ name }) => name !== one.name)
                      .map((role) => (
                        <option key={role.name} value={role.name}>
                          {called(role)}
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
                    <th>{called(one)}</th>
                    {other && <th>{called(other)}</th>}
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
      {edited && <RoleEditor role={edited} done={() => set({ edit: undefined })} />}
      {original && <RoleEditor base={original} done={(name) => set({ from: undefined, ...(name ? { role: name } : {}) })} />}
      {search.as !== undefined && <SeeAs who={search.as} choose={(as) => set({ as })} done={() => set({ as: undefined })} />}
    </>
  );
}

const called = ({ name, displayName }: Schemas["Role"]) => (displayName ? `${displayName} (${name})` : name);

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
