import { afterEach, vi } from "vitest";
import { words } from "@/i18n";

await words("core", "incidents", "desk", "knowledge", "assets", "alerts", "insight", "admin", "portal", "oncall");

afterEach(() => {
  vi.useRealTimers();
  localStorage.clear();
});
