export { Board } from "./Board";
export { Boards } from "./Boards";
export { Editor } from "./Editor";
