import { useEffect, useId, useState } from "react";
import { sized } from "@/api/files";
import { locale, t } from "@/i18n";
import { Icon } from "@/ui/Icon";
import { LARGEST, MOST } from "./files";

interface Props {
  files: readonly File[];
  onChange: (files: readonly File[]) => void;
}

/** Files that go along: chosen, taken by the camera of a phone, or pasted. */
export function Chosen({ files, onChange }: Props) {
  const id = useId();
  const [wrong, setWrong] = useState("");
  const add = (more: readonly File[]) => {
    const large = more.find(({ size }) => size > LARGEST);
    const next = [...files, ...more.filter(({ size }) => size <= LARGEST)];
    if (large) setWrong(t("portal.files.large", { name: large.name }));
    else if (next.length > MOST) setWrong(t("portal.files.many", { count: MOST }));
    else setWrong("");
    onChange(next.slice(0, MOST));
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is pasted joins what is there now
  useEffect(() => {
    const onPaste = ({ clipboardData }: ClipboardEvent) => {
      const pasted = [...(clipboardData?.files ?? [])];
      if (pasted.length > 0) add(pasted);
    };
    addEventListener("paste", onPaste);
    return () => removeEventListener("paste", onPaste);
  }, [files]);
  return (
    <div className="files">
      <label htmlFor={id} className="push" data-tone="quiet">
        <Icon name="plus" />
        {t("portal.files.add")}
      </label>
      <input
        id={id}
        type="file"
        multiple
        className="visually-hidden"
        onChange={({ currentTarget }) => {
          add([...(currentTarget.files ?? [])]);
          currentTarget.value = "";
        }}
      />
      {wrong && (
        <p className="wrong" role="alert">
          <Icon name="late" />
          {wrong}
        </p>
      )}
      {files.length > 0 && (
        <ul aria-label={t("portal.files.label")}>
          {files.map((file, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: two files may be the same
            <li key={`${file.name}-${index}`} className="file">
              <Picture file={file} />
              <span className="clip">{file.name}</span>
              <span className="muted nowrap">{sized(file.size, locale())}</span>
              <button
                type="button"
                className="sign large"
                aria-label={t("portal.files.remove", { name: file.name })}
                onClick={() => onChange(files.filter((_, at) => at !== index))}
              >
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

const SHOWN = 4 * 1024 * 1024;

/** A small picture of a picture; the page may show none but its own and what is written into it. */
function Picture({ file }: { file: File }) {
  const [source, setSource] = useState("");
  useEffect(() => {
    if (!/^image\/(png|jpeg|gif|webp)$/.test(file.type) || file.size > SHOWN) return;
    const reader = new FileReader();
    reader.onload = () => setSource(String(reader.result));
    reader.readAsDataURL(file);
    return () => reader.abort();
  }, [file]);
  return source ? <img src={source} alt="" /> : <Icon name="note" />;
}
