import type { ReactNode } from "react";
import { asProblem } from "@/api/problem";
import { t } from "@/i18n";
import { Icon, type IconName } from "@/ui/Icon";
import { usePeople } from "./data";

interface ButtonProps {
  children: ReactNode;
  onClick?: () => void;
  type?: "button" | "submit";
  tone?: "main" | "quiet" | "bad";
  icon?: IconName;
  disabled?: boolean;
}

export function Button({ children, onClick, type = "button", tone = "quiet", icon, disabled = false }: ButtonProps) {
  return (
    <button type={type} className="press" data-tone={tone} onClick={onClick} disabled={disabled}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = asProblem(error);
  return (
    <div className="trouble" role="alert">
      <strong>{problem.title || t("problem.unreachable")}</strong>
      {problem.detail && <p>{problem.detail}</p>}
      {retry && <Button onClick={retry}>{t("problem.retry")}</Button>}
    </div>
  );
}

export function Waiting() {
  return (
    <div role="status" aria-label={t("common.loading")} className="bones">
      <span className="bone" />
      <span className="bone" />
    </div>
  );
}

/** The name of a person; the beginning of the id where nobody says it. */
export function Name({ id }: { id: string }) {
  const { data } = usePeople();
  const known = data?.find((each) => each.id === id);
  return <bdi>{known ? known.displayName || known.username : id.slice(0, 8)}</bdi>;
}

/** Somebody of all people. */
export function PersonChoice({ id, value, choose }: { id: string; value: string; choose: (id: string) => void }) {
  const { data } = usePeople();
  return (
    <select id={id} value={value} required onChange={(event) => choose(event.target.value)}>
      <option value="">{t("oncall.choose")}</option>
      {data?.map((each) => (
        <option key={each.id} value={each.id}>
          {each.displayName || each.username}
        </option>
      ))}
    </select>
  );
}
