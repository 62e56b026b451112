import { Button } from "@mantine/core";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Ago, Chip, Loading, Problem } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Person } from "@/ui/people";
import { toast, toastProblem } from "@/ui/toasts";
import { type Board, useActs, useVersions } from "./data";

/** What a dashboard showed, and a way back. */
export function History({ board, mine, close }: { board: Board; mine: boolean; close: () => void }) {
  const { can } = useSession();
  const versions = useVersions(board.id);
  const acts = useActs();
  const restore = async (edition: number) => {
    try {
      const now = await acts.restore(board, edition);
      toast(t("board.restored", { edition, now: now.edition }));
      close();
    } catch (error) {
      toastProblem(error);
    }
  };
  return (
    <Dialog opened title={t("board.history")} size="wide" onClose={close}>
      {versions.isError && <Problem error={versions.error} retry={() => void versions.refetch()} />}
      {versions.isPending && <Loading rows={3} />}
      <ol className="versions" aria-label={t("board.history")}>
        {versions.data?.map((version) => (
          <li key={version.edition}>
            <strong>{t("board.version", { edition: version.edition })}</strong>
            <span className="clip grow">{version.note || t("board.tiles", { count: version.tiles.length })}</span>
            <Person id={version.publisherId} />
            <Ago time={version.publishTime} />
            {version.edition === board.edition ? (
              <Chip tone="good">{t("board.present")}</Chip>
            ) : (
              mine &&
              can("dashboards.update") && (
                <Button size="compact-sm" variant="default" onClick={() => void restore(version.edition)}>
                  {t("board.restore")}
                </Button>
              )
            )}
          </li>
        ))}
      </ol>
    </Dialog>
  );
}
