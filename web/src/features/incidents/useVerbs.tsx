import { type ReactNode, useState } from "react";
import type { Incident } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { toast, toastProblem } from "@/ui/toasts";
import { perform, useTaken, type Verb, verbsOf } from "./data";
import { asks, VerbDialog } from "./VerbDialog";

/** Doing things with incidents: at once where no words are needed, by dialog where they are. */
export function useVerbs(done?: () => void): { act: (verb: Verb, incidents: readonly Incident[]) => void; dialog: ReactNode } {
  const { can } = useSession();
  const taken = useTaken();
  const [asked, setAsked] = useState<{ verb: Verb; incidents: readonly Incident[] } | null>(null);

  const act = (verb: Verb, incidents: readonly Incident[]) => {
    const able = incidents.filter((incident) => verbsOf(incident, can).includes(verb));
    const first = able[0];
    if (first === undefined) {
      toast(t("list.notPossible", { verb: t(`verb.${verb}`) }));
    } else if (asks(verb)) {
      setAsked({ verb, incidents: able });
    } else {
      Promise.all(able.map(async (incident) => taken(await perform(verb, incident, {}))))
        .then(() => {
          toast(t(`done.${verb}`, { count: able.length, number: first.number }));
          done?.();
        })
        .catch(toastProblem);
    }
  };
  const dialog = (
    <VerbDialog verb={asked?.verb ?? null} incidents={asked?.incidents ?? []} close={() => setAsked(null)} done={done} />
  );
  return { act, dialog };
}
