import "./index.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { applyScheme } from "@/app/scheme";
import { applyLanguage, t, words } from "@/i18n";

applyScheme();
applyLanguage();
const place = document.getElementById("root");
if (place === null) throw new Error("the page has no root");
await words("core", "oncall");
createRoot(place).render(
  <StrictMode>
    <main className="blank">
      <h1>{t("oncall.nothing")}</h1>
    </main>
  </StrictMode>,
);
