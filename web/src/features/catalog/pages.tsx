import { RecordPage } from "@/records/RecordPage";
import { RecordQueue } from "@/records/RecordQueue";
import { CATALOG } from "./kind";

export const Queue = () => <RecordQueue kind={CATALOG} />;
export const ItemPage = () => <RecordPage kind={CATALOG} />;
