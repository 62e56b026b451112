import { createTheme, type MantineColorsTuple } from "@mantine/core";

const accent: MantineColorsTuple = [
  "#e6f4f0",
  "#dcefea",
  "#b5ddd3",
  "#86c9bb",
  "#58b1a2",
  "#2f9a8c",
  "#1d7f79",
  "#0f5f5c",
  "#0b4b49",
  "#083836",
];

export const theme = createTheme({
  primaryColor: "accent",
  colors: { accent },
  fontFamily: "var(--font)",
  defaultRadius: "md",
  focusRing: "auto",
  cursorType: "pointer",
});
