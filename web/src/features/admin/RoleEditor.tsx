import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ask, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { worded } from "@/records/schema/forms";
import { Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { useDraft } from "@/ui/drafts";
import { TextFilter } from "@/ui/filters";
import { Field, TextArea, TextInput } from "@/ui/form";
import { useTeamNames } from "@/ui/teams";
import { toast } from "@/ui/toasts";
import { Affected } from "./Affected";
import { grouped, matching } from "./grants";

type Role = Schemas["Role"];

const FIELDS = ["displayName", "description", "permissions", "teamIds"] as const;
type Draft = Pick<Role, "name" | (typeof FIELDS)[number]>;

interface Props {
  /** The role that is changed. */
  role?: Role;
  /** The role that a new one is made from. */
  base?: Role;
  /** It is over; with the name of a role that was made. */
  done: (made?: string) => void;
}

/** Changes a role of the tenant's own, or makes one from another. What was written stays until it is saved or given up. */
export function RoleEditor({ role, base, done }: Props) {
  const { me } = useSession();
  const client = useQueryClient();
  const from = role ?? base;
  const begun: Draft = {
    name: role?.name ?? "",
    displayName: role?.displayName ?? "",
    description: from?.description ?? "",
    permissions: from?.permissions ?? [],
    teamIds: from?.teamIds ?? [],
  };
  const draft = useDraft(role ? `role/${role.id}/${role.etag}` : `role/from/${base?.name}`, begun);
  const { value } = draft;
  const [text, setText] = useState("");
  const [preview, setPreview] = useState<Schemas["RolePreview"] | null>(null);
  const set = (part: Partial<Draft>) => {
    setPreview(null);
    draft.set({ ...value, ...part });
  };
  const fields = () => Object.fromEntries(FIELDS.map((name) => [name, value[name]]));
  const over = (made?: string) => {
    draft.clear();
    done(made);
  };
  const look = useMutation({
    mutationFn: () =>
      ask<Schemas["RolePreview"]>("POST", `roles/${role?.id}:preview`, {
        body: { role: fields(), updateMask: FIELDS.join(",") },
        etag: role?.etag,
      }),
    onSuccess: setPreview,
  });
  const save = useMutation({
    mutationFn: () =>
      role
        ? ask<Role>("PATCH", `roles/${role.id}`, {
            query: { updateMask: FIELDS.join(",") },
            body: fields(),
            etag: role.etag,
          })
        : ask<Role>("POST", "roles", { body: { ...fields(), name: value.name, baseRole: base?.name } }),
    onSuccess: async (saved) => {
      await client.invalidateQueries({ queryKey: ["roles"] });
      toast(t(role ? "ownRoles.saved" : "ownRoles.made", { role: saved.name }));
      over(saved.name);
    },
  });
  const failed = save.error ?? look.error;
  return (
    <Dialog
      opened
      onClose={() => over()}
      title={t(role ? "ownRoles.editIt" : "ownRoles.cloneIt", { role: from?.name })}
      size="wide"
      place="side"
    >
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (role && !preview) look.mutate();
          else save.mutate();
        }}
      >
        {!role && (
          <Field label={t("admin.name")} hint={t("ownRoles.nameHint")}>
            <TextInput value={value.name} onChange={(name) => set({ name })} required data-autofocus />
          </Field>
        )}
        <Field label={t("ownRoles.displayName")}>
          <TextInput value={value.displayName} onChange={(displayName) => set({ displayName })} />
        </Field>
        <Field label={t("ownRoles.description")}>
          <TextArea value={value.description} onChange={(description) => set({ description })} />
        </Field>
        <Teams chosen={value.teamIds} choose={(teamIds) => set({ teamIds })} />
        <h3>{t("people.permissions", { count: value.permissions.length })}</h3>
        <TextFilter label={t("ownRoles.find")} value={text} onChange={setText} />
        <Permissions
          all={[...new Set([...me.permissions, ...begun.permissions])].sort()}
          text={text}
          chosen={value.permissions}
          choose={(permissions) => set({ permissions })}
        />
        {preview && <Affected preview={preview} />}
        {failed && <Problem error={failed} />}
        <div className="line wrap">
          <Button type="submit" loading={look.isPending || save.isPending}>
            {t(!role ? "ownRoles.create" : preview ? "ownRoles.save" : "ownRoles.preview")}
          </Button>
          <Button variant="default" onClick={() => over()}>
            {t("ownRoles.giveUp")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

const toggled = (list: readonly string[], one: string) =>
  list.includes(one) ? list.filter((each) => each !== one) : [...list, one];

function Teams({ chosen, choose }: { chosen: readonly string[]; choose: (ids: string[]) => void }) {
  const names = useTeamNames();
  if (names === undefined || names.size === 0) return null;
  return (
    <fieldset className="stack tight">
      <legend>{t("ownRoles.teams")}</legend>
      <p className="muted">{t("ownRoles.teamsHint")}</p>
      <span className="line wrap">
        {[...names].map(([id, name]) => (
          <button
            key={id}
            type="button"
            className="toggle"
            aria-pressed={chosen.includes(id)}
            onClick={() => choose(toggled(chosen, id))}
          >
            {name}
          </button>
        ))}
      </span>
    </fieldset>
  );
}

interface PermissionsProps {
  all: readonly string[];
  text: string;
  chosen: readonly string[];
  choose: (permissions: string[]) => void;
}

function Permissions({ all, text, chosen, choose }: PermissionsProps) {
  const groups = grouped(matching(all, text, worded));
  if (groups.size === 0) return <p className="muted">{t("ownRoles.noneFound")}</p>;
  return [...groups].map(([resource, permissions]) => (
    <fieldset key={resource} className="stack tight">
      <legend className="strong">{worded(resource)}</legend>
      <span className="line wrap">
        {permissions.map((permission) => (
          <button
            key={permission}
            type="button"
            className="toggle"
            title={permission}
            aria-pressed={chosen.includes(permission)}
            onClick={() => choose(toggled(chosen, permission))}
          >
            {worded(permission.split(".")[1] ?? "")}
          </button>
        ))}
      </span>
    </fieldset>
  ));
}
