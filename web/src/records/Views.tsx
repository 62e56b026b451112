import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, ask, body, quoted, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Dialog } from "@/ui/Dialog";
import { Views as Tabs } from "@/ui/filters";
import { Icon } from "@/ui/Icon";
import { Menu } from "@/ui/Menu";
import { toast, toastProblem } from "@/ui/toasts";
import { FieldsForm } from "./FieldsForm";
import type { DeskRecord, Kind } from "./kind";
import type { RecordSearch } from "./search";

type View = Schemas["View"];

const COUNTED = 20;

const useViews = (resources: string) => {
  const { can } = useSession();
  return useQuery({
    queryKey: ["views", resources],
    enabled: can("views.list"),
    queryFn: async () => {
      const filter = `resource = ${quoted(resources)}`;
      const { views } = await body(api.GET("/api/v1/views", { params: { query: { filter, pageSize: 100 } } }));
      return views;
    },
  });
};

/** The saved view that the address names, once it is known. */
export function useSaved(resources: string, id: string | undefined): View | undefined {
  return useViews(resources).data?.find((view) => view.id === id);
}

interface Props<R extends DeskRecord> {
  kind: Kind<R>;
  search: RecordSearch;
  filter: string;
  orderBy: string;
  set: (part: RecordSearch) => void;
}

/** The views that a kind has by itself, and those that people saved. */
export function Views<R extends DeskRecord>({ kind, search, filter, orderBy, set }: Props<R>) {
  const { can, me } = useSession();
  const client = useQueryClient();
  const { data: saved = [] } = useViews(kind.resources);
  const [naming, setNaming] = useState(false);
  const ids = saved.slice(0, COUNTED).map(({ id }) => id);
  const { data: counts } = useQuery({
    queryKey: ["counts", "views", kind.resources, ids],
    enabled: ids.length > 0,
    queryFn: () => body(api.GET("/api/v1/views:counts", { params: { query: { ids } } })),
  });
  const countOf = (id: string) => {
    const count = counts?.counts.find((each) => each.id === id);
    return count === undefined ? "" : ` (${count.value}${count.capped ? "+" : ""})`;
  };
  const present = saved.find(({ id }) => id === search.saved);
  const again = () => void client.invalidateQueries({ queryKey: ["views", kind.resources] });
  const remove = async (view: View) => {
    await ask("DELETE", `views/${view.id}`, { etag: view.etag });
    set({ saved: undefined });
    again();
  };
  const items = [
    ...saved.map((view) => ({
      label: `${view.name}${countOf(view.id)}`,
      icon: view.id === search.saved ? ("check" as const) : undefined,
      run: () => set({ saved: view.id, view: undefined, peek: undefined }),
    })),
    ...(can("views.create") ? [{ label: t("views.save"), icon: "plus" as const, run: () => setNaming(true) }] : []),
    ...(present?.ownerId === me.subject
      ? [
          {
            label: t("views.remove", { name: present.name }),
            icon: "close" as const,
            run: () => void remove(present).catch(toastProblem),
          },
        ]
      : []),
  ];
  return (
    <div className="line wrap">
      <Tabs
        label={t("list.views")}
        views={kind.views}
        value={search.saved ? "" : (search.view ?? kind.views[0]?.value ?? "")}
        onChange={(view) => set({ view: view === kind.views[0]?.value ? undefined : view, saved: undefined, peek: undefined })}
      />
      {items.length > 0 && (
        <Menu label={t("views.saved")} className="toggle" side="below" items={items}>
          {present ? present.name : t("views.saved")} <Icon name="down" />
        </Menu>
      )}
      <Dialog opened={naming} onClose={() => setNaming(false)} title={t("views.save")}>
        <FieldsForm
          fields={[{ name: "name", label: t("views.name"), kind: "text", required: true }]}
          action={t("views.save")}
          cancel={() => setNaming(false)}
          submit={async ({ name }) => {
            const view = await ask<View>("POST", "views", { body: { name, resource: kind.resources, filter, orderBy } });
            setNaming(false);
            again();
            toast(t("views.made", { name: view.name }));
            set({ saved: view.id, view: undefined, filter: undefined, text: undefined });
          }}
        />
      </Dialog>
    </div>
  );
}
