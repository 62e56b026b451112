import { Button } from "@mantine/core";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api, ask, body, quoted, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Chip, Empty, Loading, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { TextFilter } from "@/ui/filters";
import { Field, Select } from "@/ui/form";
import { Avatar } from "@/ui/people";
import { toast } from "@/ui/toasts";
import { Head } from "./Head";

type User = Schemas["User"];

/** What the address says: who is looked at, and which role was about to be given when a new proof was asked for. */
interface Search {
  text?: string;
  user?: string;
  role?: string;
}

/** People of the tenant with their roles, which are given and taken here. */
export function Users() {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const set = (part: Search) =>
    void navigate({ to: ".", search: ((known: Search) => ({ ...known, ...part })) as never, replace: true });
  const text = search.text ?? "";
  const query = useQuery({
    queryKey: ["users", "list", text],
    placeholderData: keepPreviousData,
    queryFn: async () => {
      const filter = text && `displayName:${quoted(text)} OR username:${quoted(text)}`;
      return (await body(api.GET("/api/v1/users", { params: { query: { filter, pageSize: 200 } } }))).users;
    },
  });
  const teams = useQuery({
    queryKey: ["teams", "named"],
    queryFn: async () => {
      const answer = await body(api.GET("/api/v1/teams", { params: { query: { pageSize: 200 } } }));
      return new Map(answer.teams.map(({ id, name }) => [id, name]));
    },
  });
  const opened = query.data?.find(({ id }) => id === search.user);
  return (
    <>
      <Head id="users" />
      <div className="filters">
        <TextFilter label={t("people.find")} value={text} onChange={(value) => set({ text: value || undefined })} />
      </div>
      <div className="page-scroll">
        {query.isPending && <Loading />}
        {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
        {query.data?.length === 0 && (
          <Empty icon="person" title={t("people.none")}>
            {t("people.noneText")}
          </Empty>
        )}
        {query.data && query.data.length > 0 && (
          <section className="card wide">
            <table className="table">
              <thead>
                <tr>
                  <th>{t("admin.name")}</th>
                  <th className="minor">{t("people.username")}</th>
                  <th>{t("people.roles")}</th>
                  <th className="minor">{t("people.teams")}</th>
                </tr>
              </thead>
              <tbody>
                {query.data.map((user) => (
                  <tr key={user.id}>
                    <td>
                      <button
                        type="button"
                        className="plain person-cell"
                        onClick={() => set({ user: user.id, role: undefined })}
                      >
                        <Avatar name={user.displayName || user.username} />
                        <span className="strong">{user.displayName || user.username}</span>
                        {!user.enabled && <Chip tone="still">{t("people.disabled")}</Chip>}
                      </button>
                    </td>
                    <td className="minor">{user.username}</td>
                    <td>
                      <span className="line wrap">
                        {user.roles.map((role) => (
                          <Chip key={role} tone="still">
                            {role}
                          </Chip>
                        ))}
                      </span>
                    </td>
                    <td className="minor">{user.teamIds.map((id) => teams.data?.get(id) ?? id).join(", ")}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        )}
      </div>
      <Dialog
        opened={opened !== undefined}
        onClose={() => set({ user: undefined, role: undefined })}
        title={opened ? opened.displayName || opened.username : ""}
        place="side"
      >
        {opened && <Rights user={opened} wanted={search.role ?? ""} want={(role) => set({ role: role || undefined })} />}
      </Dialog>
    </>
  );
}

interface RightsProps {
  user: User;
  wanted: string;
  want: (role: string) => void;
}

function Rights({ user, wanted, want }: RightsProps) {
  const { can, me } = useSession();
  const client = useQueryClient();
  const [failed, setFailed] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const roles = useQuery({
    queryKey: ["roles"],
    queryFn: async () => (await body(api.GET("/api/v1/roles", { params: { query: { pageSize: 200 } } }))).roles,
  });
  const own = user.id === me.subject;
  const act = async (verb: "grantRole" | "revokeRole", role: string) => {
    setBusy(true);
    setFailed(null);
    try {
      await ask("POST", `users/${user.id}:${verb}`, { body: { role } });
      toast(t(verb === "grantRole" ? "people.granted" : "people.revoked", { role, name: user.displayName || user.username }));
      want("");
      await client.invalidateQueries({ queryKey: ["users"] });
    } catch (error) {
      setFailed(error);
    } finally {
      setBusy(false);
    }
  };
  const described = (name: string) => roles.data?.find((role) => role.name === name)?.description ?? "";
  return (
    <div className="stack">
      <p className="muted">{[user.username, user.email].filter(Boolean).join(" · ")}</p>
      <h3>{t("people.roles")}</h3>
      {user.roles.length === 0 && <p className="muted">{t("people.noRoles")}</p>}
      <ul className="tasks">
        {user.roles.map((role) => (
          <li key={role} className="given">
            <div>
              <span className="strong">{role}</span>
              <p className="muted">{described(role)}</p>
            </div>
            {can("roles.revoke") && !own && (
              <Button
                size="compact-sm"
                variant="default"
                loading={busy}
                aria-label={t("people.revokeIt", { role })}
                onClick={() => void act("revokeRole", role)}
              >
                {t("people.revoke")}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {can("roles.inspect") && (
        <p>
          <Link to={"/admin/roles" as "/incidents"} search={{ as: user.id } as never}>
            {t("ownRoles.seeAs")}
          </Link>
        </p>
      )}
      {failed !== null && <Problem error={failed} />}
      {own && <p className="muted">{t("people.own")}</p>}
      {can("roles.grant") && !own && (
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault();
            if (wanted) void act("grantRole", wanted);
          }}
        >
          <Field label={t("people.grant")} hint={wanted ? described(wanted) : t("people.proof")}>
            <Select value={wanted} onChange={want} required>
              <option value="">{t("record.none")}</option>
              {roles.data
                ?.filter(({ name }) => !user.roles.includes(name))
                .map(({ name }) => (
                  <option key={name} value={name}>
                    {name}
                  </option>
                ))}
            </Select>
          </Field>
          <div>
            <Button type="submit" loading={busy} disabled={wanted === ""}>
              {t("people.grantIt")}
            </Button>
          </div>
        </form>
      )}
    </div>
  );
}
