import { useQuery } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { t } from "@/i18n";
import { worded } from "@/records/schema/forms";
import { Chip, Loading, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Field, Select } from "@/ui/form";
import { grouped } from "./grants";

interface Props {
  /** The person, empty until one is chosen. */
  who: string;
  choose: (id: string) => void;
  done: () => void;
}

/** What somebody may do, as the platform says it, and by which role. Nothing is done in that person's name. */
export function SeeAs({ who, choose, done }: Props) {
  const people = useQuery({
    queryKey: ["users", "named"],
    queryFn: async () => (await body(api.GET("/api/v1/users", { params: { query: { pageSize: 200 } } }))).users,
  });
  const rights = useQuery({
    queryKey: ["users", "rights", who],
    enabled: who !== "",
    staleTime: 0,
    queryFn: () => body(api.GET("/api/v1/users/{id}:permissions", { params: { path: { id: who } } })),
  });
  const by = new Map(rights.data?.permissions.map((each) => [each.permission, each]));
  return (
    <Dialog opened onClose={done} title={t("ownRoles.seeAs")} size="wide" place="side">
      <div className="stack">
        <Field label={t("ownRoles.person")} hint={t("ownRoles.seeAsHint")}>
          <Select value={who} onChange={choose}>
            <option value="">{t("record.none")}</option>
            {people.data?.map(({ id, displayName, username }) => (
              <option key={id} value={id}>
                {displayName || username}
              </option>
            ))}
          </Select>
        </Field>
        {rights.isError && <Problem error={rights.error} retry={() => void rights.refetch()} />}
        {rights.isFetching && !rights.data && <Loading />}
        {rights.data && (
          <>
            <p className="line wrap">
              {!rights.data.enabled && <Chip tone="still">{t("people.disabled")}</Chip>}
              {rights.data.roles.map(({ role, realm }) => (
                <Chip key={role} tone="still">
                  {realm ? `${role} (${t("ownRoles.realm")})` : role}
                </Chip>
              ))}
            </p>
            <p className="muted">{t("people.permissions", { count: by.size })}</p>
            <dl className="stack tight">
              {[...grouped([...by.keys()])].map(([resource, permissions]) => (
                <div key={resource}>
                  <dt className="strong">{worded(resource)}</dt>
                  <dd className="line wrap">
                    {permissions.map((permission) => (
                      <span key={permission} className="chip" data-tone="good" title={by.get(permission)?.roles.join(", ")}>
                        {worded(permission.split(".")[1] ?? "")}
                        {by.get(permission)?.bounded && <span className="muted">{t("ownRoles.bounded")}</span>}
                      </span>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </>
        )}
      </div>
    </Dialog>
  );
}
