import type { Schemas } from "@/api/client";
import { t } from "@/i18n";
import { Chip } from "@/ui/bits";

/** For whom a change of a role changes something, and what. */
export function Affected({ preview }: { preview: Schemas["RolePreview"] }) {
  const { gained, lost, affected, affectedCount, holderCount } = preview;
  return (
    <section className="card" aria-label={t("ownRoles.affected")}>
      <header>
        <h3>{t("ownRoles.affectedPeople", { count: affectedCount })}</h3>
        <span className="muted end">{t("ownRoles.holders", { count: holderCount })}</span>
      </header>
      <div className="body stack">
        <Difference gained={gained} lost={lost} />
        <ul className="stack tight">
          {affected.map((person) => (
            <li key={person.userId}>
              <span className="strong">{person.displayName}</span>
              <Difference gained={person.gained} lost={person.lost} />
            </li>
          ))}
        </ul>
        {affectedCount > affected.length && (
          <p className="muted">{t("ownRoles.others", { count: affectedCount - affected.length })}</p>
        )}
      </div>
    </section>
  );
}

function Difference({ gained, lost }: { gained: readonly string[]; lost: readonly string[] }) {
  return (
    <p className="line wrap">
      {gained.map((each) => (
        <Chip key={each} tone="good">
          + {each}
        </Chip>
      ))}
      {lost.map((each) => (
        <Chip key={each} tone="bad">
          − {each}
        </Chip>
      ))}
    </p>
  );
}
