import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Field, Select } from "@/ui/form";
import { toast } from "@/ui/toasts";
import { type Board, useActs } from "./data";

interface Team {
  id: string;
  name: string;
}

/** Who sees a dashboard. */
export function Share({ board, close }: { board: Board; close: () => void }) {
  const { can } = useSession();
  const acts = useActs();
  const [choice, setChoice] = useState(board.sharing === "TEAM" ? `team:${board.teamId}` : board.sharing);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const teams = useQuery({
    queryKey: ["teams", "all"],
    enabled: can("teams.list"),
    queryFn: async () => (await ask<{ teams: Team[] }>("GET", "teams", { query: { pageSize: 200 } })).teams,
  });
  const save = async () => {
    setBusy(true);
    try {
      await (choice === "EVERYBODY"
        ? acts.shareWithAll(board)
        : acts.share(board, choice.startsWith("team:") ? choice.slice("team:".length) : ""));
      toast(t("board.shared"));
      close();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog opened title={t("board.share")} onClose={close}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <Field label={t("board.whoSees")}>
          <Select value={choice} onChange={setChoice} data-autofocus>
            <option value="PRIVATE">{t("sharing.PRIVATE")}</option>
            {(teams.data ?? []).map((team) => (
              <option key={team.id} value={`team:${team.id}`}>
                {t("sharing.team", { name: team.name })}
              </option>
            ))}
            {board.sharing === "TEAM" && !teams.data?.some(({ id }) => id === board.teamId) && (
              <option value={`team:${board.teamId}`}>{t("sharing.team", { name: board.teamId })}</option>
            )}
            {(can("dashboards.shareWithAll") || board.sharing === "EVERYBODY") && (
              <option value="EVERYBODY">{t("sharing.EVERYBODY")}</option>
            )}
          </Select>
        </Field>
        <p className="muted">{t("board.shareText")}</p>
        {error !== null && <Problem error={error} />}
        <div className="line">
          <Button type="submit" loading={busy}>
            {t("board.shareDo")}
          </Button>
          <Button variant="default" onClick={close}>
            {t("common.cancel")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
