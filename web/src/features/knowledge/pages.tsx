import { RecordPage } from "@/records/RecordPage";
import { RecordQueue } from "@/records/RecordQueue";
import { ARTICLES } from "./kind";

export const Queue = () => <RecordQueue kind={ARTICLES} />;
export const ArticlePage = () => <RecordPage kind={ARTICLES} />;
