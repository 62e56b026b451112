import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { t } from "@/i18n";
import { hintOf, nameOf } from "./places";

/** The head of a page of this room that is not generic. */
export function Head({ id, children }: { id: string; children?: ReactNode }) {
  return (
    <div className="page-head">
      <div className="stack tight">
        <Link to={"/admin" as "/incidents"} className="crumb">
          {t("admin.title")}
        </Link>
        <h1>{nameOf(id)}</h1>
      </div>
      <span className="muted">{hintOf(id)}</span>
      <div className="verbs">{children}</div>
    </div>
  );
}
