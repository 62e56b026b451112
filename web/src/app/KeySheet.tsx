import { useSyncExternalStore } from "react";
import { t } from "@/i18n";
import { Dialog } from "@/ui/Dialog";
import { commands, onCommands } from "./keys";

const written = (key: string) => key.replace("Mod+", navigator.platform.startsWith("Mac") ? "⌘ " : "Ctrl ");

export function KeySheet({ opened, close }: { opened: boolean; close: () => void }) {
  const all = useSyncExternalStore(onCommands, commands).filter(({ keys }) => keys !== undefined);
  const groups = [...new Set(all.map(({ group }) => group))];
  return (
    <Dialog opened={opened} onClose={close} size="wide" title={t("keys.title")}>
      <div className="sheet">
        {groups.map((group) => (
          <section key={group}>
            <h2>{group}</h2>
            <ul>
              {all
                .filter((command) => command.group === group)
                .map(({ id, label, keys }) => (
                  <li key={id}>
                    <span>{label}</span>
                    <span className="line">
                      {keys?.map((key) => (
                        <kbd key={key}>{written(key)}</kbd>
                      ))}
                    </span>
                  </li>
                ))}
            </ul>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
